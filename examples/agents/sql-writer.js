// Writes and runs SQL for whoever asks.
import { serve } from './agent.js';
import { credit, drop, lateOrders } from './sql.js';

serve('sql-writer', {
  '/late-orders': async ({ days }) => ({ customers: await lateOrders(days) }),
  '/credit': async ({ customers, credit: amount }) => ({ credited: await credit(customers, amount) }),
  '/drop': async ({ table }) => {
    await drop(table);
    return { dropped: table };
  },
});
