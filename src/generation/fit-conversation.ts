// A conversation that has outgrown the model: its oldest turns go, whole, until the rest fits.
import { ServerError } from '../errors.ts';
import { TemplateRefusal } from './bounded-interpreter.ts';
import type { Conversation } from './conversation.ts';

type Ids = readonly number[];

/** The prompt of the longest rest with at most `maxTokens`, or of the last turn alone where that is too long too. */
export async function fitConversation(
  conversation: Conversation,
  encode: (conversation: Conversation) => Promise<Ids>,
  maxTokens: number,
): Promise<Ids> {
  const rests = restsOf(conversation);
  const [whole = conversation] = rests;
  const shortest = rests.at(-1) ?? whole;

  async function fitting(rest: Conversation): Promise<Ids | null> {
    try {
      const ids = await encode(rest);
      return ids.length <= maxTokens ? ids : null;
    } catch (error) {
      // Too much for the template's own limits.
      if (rest !== shortest && isBeyondLimits(error)) return null;
      throw error;
    }
  }

  const wholeIds = await fitting(whole);
  if (wholeIds !== null) return wholeIds;
  let found: Ids | null = null;
  let [low, high] = [1, rests.length - 1];
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    const ids = await fitting(rests[middle] ?? shortest);
    if (ids === null) {
      low = middle + 1;
    } else {
      found = ids;
      high = middle - 1;
    }
  }
  return found ?? encode(shortest);
}

function isBeyondLimits(error: unknown): boolean {
  const isTemplates = error instanceof ServerError && error.param === 'messages';
  return isTemplates && !(error.cause instanceof TemplateRefusal);
}

/** The longest first. A turn is what a user says and all that follows; what the system says before the first one stays. */
function restsOf(conversation: Conversation): Conversation[] {
  const { messages } = conversation;
  const isSystem = (role: string) => role === 'system' || role === 'developer';
  const begin = messages.findIndex(({ role }) => !isSystem(role));
  const system = messages.slice(0, Math.max(0, begin));
  const starts = messages.flatMap(({ role }, at) => (role === 'user' && at > begin ? [at] : []));
  const rests = starts.map((start) => ({
    ...conversation,
    messages: [...system, ...messages.slice(start)],
  }));
  return [conversation, ...rests];
}
