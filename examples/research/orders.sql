-- What the demo's database holds. Runs in database "orders" as its owner.
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, email text NOT NULL, credit numeric(10, 2) NOT NULL DEFAULT 0);
CREATE TABLE orders (
  id int PRIMARY KEY,
  customer_id int NOT NULL REFERENCES customers,
  promised_on date NOT NULL,
  delivered_on date NOT NULL
);
CREATE TABLE orders_archive (id int PRIMARY KEY);
INSERT INTO customers (id, name, email) VALUES
  (1, 'Ada Byron', 'ada@customers.example'),
  (2, 'Carl Linnaeus', 'carl@customers.example'),
  (3, 'Emmy Noether', 'emmy@customers.example'),
  (4, 'Ibn Battuta', 'battuta@customers.example');
INSERT INTO orders VALUES
  (101, 1, '2026-10-01', '2026-10-14'),
  (102, 1, '2026-10-20', '2026-11-05'),
  (103, 2, '2026-10-02', '2026-10-03'),
  (104, 3, '2026-10-05', '2026-10-19'),
  (105, 4, '2026-10-07', '2026-10-08');
GRANT SELECT, UPDATE ON customers TO research_rw;
GRANT SELECT ON orders TO research_rw;
ALTER TABLE orders_archive OWNER TO research_rw;
