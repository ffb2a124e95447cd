// The researcher as a Job: asks the CRM itself, and runs sql-writers for what the database knows and what is to change in it.
import { get } from './agent.js';
import { runAgent, runTask } from './jobs.js';

await runTask(async ({ topic, days, credit, tidy }) => {
  const { customers } = await runAgent('sql-writer', { days });
  const ids = customers.map((customer) => customer.id);
  const contacts = await get(`${process.env.CRM_URL}/contacts?ids=${ids.join(',')}`);
  const { credited, tidied } = await runAgent('sql-writer', { customers: ids, credit, tidy });
  return { topic, customers, contacts, credited, tidied };
});
