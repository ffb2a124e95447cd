// What the sql-writer asks of the database, with the ordinary driver. Where that is comes from libpq's environment; there is no password.
import { escapeIdentifier, Pool } from 'pg';

const pool = new Pool({ max: 2 });
pool.on('error', (error) => console.error(`sql-writer: idle connection: ${error.message}`));

const LATE = `SELECT c.id, c.name, c.email, count(*)::int AS late_orders
    FROM customers c JOIN orders o ON o.customer_id = c.id
   WHERE o.delivered_on - o.promised_on > $1
   GROUP BY c.id ORDER BY late_orders DESC, c.id`;

export async function lateOrders(days) {
  return (await pool.query(LATE, [days])).rows;
}

export async function credit(customers, amount) {
  const update = 'UPDATE customers SET credit = credit + $1 WHERE id = ANY($2) RETURNING id, credit';
  return (await pool.query(update, [amount, customers])).rows;
}

export async function drop(table) {
  await pool.query(`DROP TABLE ${escapeIdentifier(table)}`);
}

export const close = () => pool.end();
