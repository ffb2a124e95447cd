// Finds things out: asks the CRM itself, and the sql-writer for what the database knows.
import { call, get, serve } from './agent.js';

const SQL_WRITER = process.env.SQL_WRITER_URL;
const CRM = process.env.CRM_URL;

serve('researcher', {
  '/investigate': async ({ topic, days }) => {
    const { customers } = await call(`${SQL_WRITER}/late-orders`, { days });
    const contacts = await get(`${CRM}/contacts?ids=${customers.map((customer) => customer.id).join(',')}`);
    return { topic, customers, contacts };
  },
  '/settle': async ({ customers, credit, tidy }) => {
    // An over-eager agent tidies up what it takes for leftovers; what it is told then is part of its answer.
    const tidied = await call(`${SQL_WRITER}/drop`, { table: tidy }).catch((error) => ({ refused: error.message }));
    const { credited } = await call(`${SQL_WRITER}/credit`, { customers, credit });
    return { credited, tidied };
  },
});
