// Writes and runs SQL with the ordinary driver. Where the database is comes from libpq's environment; it has no password.
import { escapeIdentifier, Pool } from 'pg';
import { serve } from './agent.js';

const pool = new Pool({ max: 2 });
pool.on('error', (error) => console.error(`sql-writer: idle connection: ${error.message}`));

const LATE = `SELECT c.id, c.name, c.email, count(*)::int AS late_orders
    FROM customers c JOIN orders o ON o.customer_id = c.id
   WHERE o.delivered_on - o.promised_on > $1
   GROUP BY c.id ORDER BY late_orders DESC, c.id`;

serve('sql-writer', {
  '/late-orders': async ({ days }) => ({ customers: (await pool.query(LATE, [days])).rows }),
  '/credit': async ({ customers, credit }) => {
    const result = await pool.query('UPDATE customers SET credit = credit + $1 WHERE id = ANY($2) RETURNING id, credit', [
      credit,
      customers,
    ]);
    return { credited: result.rows };
  },
  '/drop': async ({ table }) => {
    await pool.query(`DROP TABLE ${escapeIdentifier(table)}`);
    return { dropped: table };
  },
});
