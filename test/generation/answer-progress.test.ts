import { expect, it } from 'vitest';
import { AnswerProgress } from '../../src/generation/answer-progress.ts';
import type { AnswerReport } from '../../src/generation/observer.ts';

it('An answer’s report says what it found in the cache and how often it lost its blocks', () => {
  const reports: AnswerReport[] = [];
  const observer = {
    generationStarted: () => {},
    tokenGenerated: () => {},
    answerEnded: (report: AnswerReport) => reports.push(report),
    promptEnded: () => {},
    textEncoded: () => {},
    constrainedAnswers: () => {},
  };
  const progress = new AnswerProgress(observer, { promptIds: [4, 5], maxTokens: 3 }, 0, () => {});
  progress.record({ kind: 'admit', id: 0, cachedTokens: 1, sinceMs: 0 });
  for (const _ of [1, 2]) progress.record({ kind: 'preempt', id: 0 });
  progress.end('length');
  expect(reports).toMatchObject([{ cachedTokens: 1, preemptions: 2, outcome: 'length' }]);
});
