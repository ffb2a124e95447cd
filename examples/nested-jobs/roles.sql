-- The login that sidecars present; its password stands in research/secrets.yaml. Runs before research/orders.sql.
CREATE ROLE research_rw LOGIN PASSWORD 'demo-only-orders-password';
