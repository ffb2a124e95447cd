// The sql-writer as a Job: a look at the orders, or a change.
import { runTask } from './jobs.js';
import { close, credit, drop, lateOrders } from './sql.js';

/** An over-eager agent tidies up what it takes for leftovers; what it is told then is part of its answer. */
const tidied = (table) =>
  drop(table).then(
    () => ({ dropped: table }),
    (error) => ({ refused: error.message }),
  );

await runTask(async ({ days, customers, credit: amount, tidy }) => {
  try {
    if (customers === undefined) return { customers: await lateOrders(days) };
    return { tidied: await tidied(tidy), credited: await credit(customers, amount) };
  } finally {
    await close();
  }
});
