// A policy's part in a conversation about the weather, written down: it calls the tool it is offered and reads what it gave.
import { chatApp, WEATHER_CALL } from '../http/chat-app.ts';
import { type ScriptedServer, serveScript } from './scripted-server.ts';

export const QUESTION = 'Weather in Bonn?';
export const ANSWER = 'It is sunny in Bonn.';
/** Before it calls, it says so. */
export const OPENING = 'Let me look.';

export function serveWeather(): Promise<ScriptedServer> {
  return serveScript(
    chatApp((prompt) => {
      if (prompt.includes('[tool]sun')) return ANSWER;
      return prompt.includes('[tools]') ? `${OPENING}\n${WEATHER_CALL}` : 'I cannot know.';
    }),
  );
}

export function weatherIn(city: string): string {
  return city === 'Bonn' ? 'sun' : 'unknown';
}
