# Run with a connection URL: prints one line a check, the same directly and through the sidecar.
import sys
import psycopg
from psycopg.rows import dict_row

with psycopg.connect(sys.argv[1], autocommit=True, row_factory=dict_row) as conn:
    cur = conn.cursor()
    print(cur.execute("select %s::int as a, %s::text as b, %s::numeric as c", (1, "zwei", "3.50")).fetchone())
    for i in range(8):  # the sixth execution is prepared
        row = cur.execute("select b from corpus where a = %s", (i,)).fetchone()
    print(row)
    with conn.cursor(binary=True) as binary:
        print(binary.execute("select 7::int8 as n, true as t, '2020-01-02'::date as d, '{a,b}'::text[] as l").fetchone())
    with conn.pipeline():
        results = [conn.execute("select %s::int as n", (i,)) for i in range(20)]
        print(sum(r.fetchone()["n"] for r in results))
    try:
        with conn.pipeline():
            conn.execute("select 1")
            conn.execute("select 1/0")
            conn.execute("select 2")
    except psycopg.Error as e:
        print(e.sqlstate)
    with cur.copy("copy pg_temp_copy from stdin") if False else conn.transaction():
        cur.execute("create temp table copied (a int, b text)")
        with cur.copy("copy copied from stdin") as copy:
            for i in range(1000):
                copy.write_row((i, "row %d" % i))
        print(cur.execute("select count(*) as n, max(b) as m from copied").fetchone())
        with cur.copy("copy (select a, b from copied order by a limit 3) to stdout") as copy:
            print([row for row in copy.rows()])
        with cur.copy("copy copied (a, b) from stdin (format binary)") as copy:
            copy.set_types(["int4", "text"])
            copy.write_row((1, "binary"))
        with conn.cursor(name="server_side") as named:
            named.itersize = 7
            named.execute("select a from copied order by a limit 20")
            print(sum(row["a"] for row in named))
    cur.executemany("insert into corpus values (%s, %s)", [(i, "many") for i in range(100, 110)])
    print(cur.rowcount)
    try:
        cur.execute("insert into corpus values (100, 'again')")
    except psycopg.errors.UniqueViolation as e:
        print(e.diag.constraint_name)
    cur.execute("delete from corpus where a >= 100")
    print(cur.rowcount)
    conn.execute("listen news")
    conn.execute("notify news, 'hello'")
    print([n.payload for n in conn.notifies(timeout=2, stop_after=1)])
