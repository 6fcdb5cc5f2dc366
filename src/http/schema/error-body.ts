// OpenAI's error object.
import { z } from 'zod';

export const errorBodySchema = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable().meta({ description: 'The request field at fault.' }),
    code: z.string().nullable(),
  }),
});

export type ErrorBody = z.infer<typeof errorBodySchema>;
