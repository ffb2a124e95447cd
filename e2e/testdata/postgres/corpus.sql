-- Statements of every kind that PostgreSQL 18 knows and an ordinary role may run.
create schema corpus_run;
set search_path to corpus_run, public;
create table parent (id int primary key, name text not null default 'unnamed', at timestamptz default '2020-01-01');
create table child (id serial primary key, parent_id int references parent on delete cascade, qty numeric(10, 2) check (qty > 0), tags text[], doc jsonb);
comment on table child is 'children';
create index child_parent on child (parent_id) where qty > 1;
create unique index on parent (lower(name));
create view both_view as select p.id, p.name, c.qty from parent p left join child c on c.parent_id = p.id;
create materialized view totals as select parent_id, sum(qty) as total from child group by 1 with no data;
create type mood as enum ('sad', 'ok', 'happy');
create domain positive as int check (value > 0);
create type pair as (a int, b text);
create sequence counter start 10 increment 5;
insert into parent values (1, 'one'), (2, 'two'), (3, 'three') returning *;
insert into child (parent_id, qty, tags, doc) select i, i * 1.5, array['a', 'b' || i], jsonb_build_object('k', i) from generate_series(1, 3) i returning id, qty;
insert into parent values (1, 'dup') on conflict (id) do update set name = excluded.name || '!' returning id, name;
insert into parent values (1, 'dup') on conflict do nothing;
insert into child (parent_id, qty) values (99, 1);
insert into child (parent_id, qty) values (1, -1);
update child set qty = qty + 1 from parent where parent.id = child.parent_id and parent.name = 'two' returning child.id, qty;
merge into parent t using (values (3, 'drei'), (4, 'vier')) s(id, name) on t.id = s.id when matched then update set name = s.name when not matched then insert (id, name) values (s.id, s.name);
select * from parent order by id;
delete from child where id = 3 returning *;
refresh materialized view totals;
select * from totals order by 1;
with recursive t(n) as (values (1) union all select n + 1 from t where n < 5) select sum(n), array_agg(n) from t;
with moved as (delete from parent where id = 4 returning *) select count(*) from moved;
select id, row_number() over (partition by parent_id order by id), lag(qty) over w from child window w as (order by id);
select parent_id, grouping(parent_id), count(*) from child group by rollup (parent_id) order by 1 nulls last;
select * from parent p, lateral (select count(*) as n from child c where c.parent_id = p.id) s order by id;
select distinct on (parent_id) * from child order by parent_id, id desc;
select 1 union select 2 except select 1 intersect select 1 order by 1;
values (1, 'a'), (2, 'b');
table parent;
select case when true then 'yes' else 'no' end, coalesce(null, 5), nullif(1, 1), greatest(1, 2, 3);
select 'it''s', E'tab\tnew\n', $$dollar $1 'quoted'$$, $tag$ nested $$ $tag$, U&'\0041', B'101', X'1F', 1.5e3, 0x1F, 1_000;
select doc->'k', doc->>'k', doc @> '{"k": 1}', jsonb_path_query(doc, '$.k') from child order by id;
select '{"a": [1, 2]}'::jsonb #>> '{a,1}', json_object('x': 1), xmlelement(name foo, 'bar');
select ARRAY[1, 2, 3][2], (row(1, 'x')::pair).b, 'happy'::mood > 'sad', 5::positive, interval '1 day' * 2, daterange('2020-01-01', '2020-02-01') @> '2020-01-15'::date;
select 0::positive;
select nextval('counter'), currval('counter'), setval('counter', 100), lastval();
select to_char(timestamp '2020-02-03 04:05:06', 'YYYY-MM-DD HH24:MI'), extract(dow from date '2020-02-03'), age(timestamp '2020-02-03', timestamp '2019-01-01');
select regexp_replace('abc', 'b', 'X'), split_part('a,b', ',', 2), format('%I %L', 'Q', 'v'), md5('x'), 'abc' ~ '^a', 'abc' similar to 'a%';
select 1/0;
select no_such_column from parent;
select * from no_such_table;
select no_such_function(1);
selec 1;
select 'unterminated
';
;
-- only a comment
/* and /* a nested */ one */
begin; insert into parent values (10, 'ten'); savepoint s; insert into parent values (10, 'again'); rollback to s; release s; commit;
select name from parent where id = 10;
begin isolation level serializable read only; insert into parent values (11, 'eleven'); select 1; rollback;
start transaction; select 1; commit and chain; rollback;
abort;
insert into parent values (20, 'a'); select * from nowhere; insert into parent values (21, 'b');
insert into parent values (22, 'c')\; select count(*) from parent where id >= 20\; delete from parent where id = 22;
insert into parent values (23, 'd')\; select * from nowhere\; insert into parent values (24, 'e');
select count(*) from parent where id in (23, 24);
prepare find (int) as select name from parent where id = $1;
execute find(1);
execute find(2);
explain (costs off) execute find(1);
prepare find as select 1;
deallocate find;
execute find(1);
prepare gone as select 1;
deallocate all;
execute gone;
begin; declare c scroll cursor for select id from parent order by id; fetch 2 from c; fetch backward 1 from c; move forward 1 in c; fetch next from c; close c; fetch c; rollback;
select 1 as x, 2 as y \gset
\echo :x :y
explain (costs off) select * from parent where id = 1;
explain (analyze, costs off, timing off, summary off, buffers off) select count(*) from parent;
copy parent (id, name) to stdout;
copy (select id, tags from child order by id) to stdout with (format csv, header, quote '"');
copy parent (id, name) from stdin;
30	thirty
31	tab\there
\.
copy parent (id, name) from stdin with (format csv);
32,"quoted, ""csv"""
33,oops,too many
\.
copy parent (id, name) to stdout with (format binary) \g /dev/null
select * from parent where id >= 30 order by id;
copy nowhere to stdout;
do $$ begin raise notice 'hello %', 1; raise warning 'careful'; end $$;
do $$ begin raise exception 'no' using errcode = 'P0099', hint = 'never', detail = 'at all'; end $$;
do $$ declare r record; begin for r in select id from corpus_run.parent where id < 3 order by id loop execute format('update corpus_run.parent set name = %L where id = %s', 'n' || r.id, r.id); end loop; end $$;
select id, name from parent where id < 3 order by id;
create function add(a int, b int default 1) returns int language sql immutable return a + b;
create function touch() returns trigger language plpgsql as $$ begin new.name := upper(new.name); return new; end $$;
create procedure fill(n int) language plpgsql as $$ begin insert into corpus_run.parent select i, 'p' || i from generate_series(1000, 1000 + n) i; commit; end $$;
create trigger touched before insert on parent for each row execute function touch();
select add(1), add(1, 2), add(b => 5, a => 1);
call fill(2);
select name from parent where id >= 1000 order by id;
create rule no_delete as on delete to both_view do instead nothing;
delete from both_view;
alter table parent add column extra int generated always as (id * 2) stored;
alter table parent rename column extra to doubled;
alter table parent alter column name set default 'x', add constraint named check (name <> '');
alter table child disable trigger user;
select id, doubled from parent where id < 3 order by id;
create temp table scratch on commit drop as select 1 as a;
create table from_select as select id, name from parent where id < 3;
select id into other_table from parent where id = 1;
select * from parent where id = 1 for update;
select id from parent where id < 3 order by id for share skip locked;
begin; lock table parent in share mode; commit;
listen channel;
notify channel, 'payload';
unlisten *;
set statement_timeout = '5s'; show statement_timeout; reset statement_timeout; show statement_timeout;
set local work_mem = '8MB';
set time zone 'UTC'; select current_setting('timezone');
set session characteristics as transaction isolation level read committed;
show server_encoding;
set no.such = 'x'; show no.such;
set datestyle to 'ISO, DMY'; select date '2020-03-04';
grant select on parent to public; revoke select on parent from public;
analyze parent; vacuum parent;
reindex table parent;
cluster child using child_parent;
truncate child;
discard plans;
security label on table parent is 'x';
checkpoint;
create role nobody_new;
select pg_read_file('/etc/hostname') is null;
select has_table_privilege('corpus_run.parent', 'select'), pg_typeof(1), pg_size_pretty(1024::bigint);
select count(*) > 300 from pg_type;
select a.attname, format_type(a.atttypid, a.atttypmod) from pg_attribute a where attrelid = 'corpus_run.child'::regclass and attnum > 0 order by attnum;
\d parent
\dt corpus_run.*
\df corpus_run.*
drop view both_view;
drop table nowhere;
drop schema corpus_run cascade;
