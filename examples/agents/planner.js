// Takes a person's question apart and hands the pieces to the researcher. A model would do the planning; a script does it here.
import { call, serve } from './agent.js';

const RESEARCHER = process.env.RESEARCHER_URL;

serve('planner', {
  '/ask': async ({ question }) => {
    const found = await call(`${RESEARCHER}/investigate`, { topic: 'orders delivered late', days: 10 });
    const customers = found.customers.map((customer) => customer.id);
    const settled = await call(`${RESEARCHER}/settle`, { customers, credit: '15.00', tidy: 'orders_archive' });
    return { question, ...found, ...settled };
  },
});
