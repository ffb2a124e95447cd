// The planner where agents are Jobs: it serves people, and runs a researcher of its own for every question.
import { serve } from './agent.js';
import { runAgent } from './jobs.js';

serve('planner', {
  '/ask': async ({ question }) => {
    const found = await runAgent('researcher', { topic: 'orders delivered late', days: 10, credit: '15.00', tidy: 'orders_archive' });
    return { question, ...found };
  },
});
