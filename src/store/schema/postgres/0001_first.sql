-- The first schema for PostgreSQL. A released file here is never changed: what comes later is a file of its own.
--
-- Everything lives in the first schema of the connection's search_path, so that several installations may share a database. What belongs to a
-- run has a key that begins with the run's number. Texts that somebody filters or sorts by are TEXT in byte order; other texts are BYTEA,
-- which holds any byte: NULL (empty), the text itself, or DEL and the decimal number of a value of the same run. Booleans are 0 and 1 as in
-- the SQLite schema, whose columns have the same names.

CREATE TABLE state (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        seq BIGINT NOT NULL,             -- number of the last commit
        last_commit BIGINT NOT NULL,     -- what its writer called it: tells whether a commit whose answer was lost came about
        tombstones_gone BIGINT NOT NULL, -- up to this number tombstones have been dropped
        runs BIGINT NOT NULL             -- the highest number given to a run
);
INSERT INTO state VALUES (1, 0, 0, 0, 0);

CREATE TABLE run (
        id BIGINT PRIMARY KEY,
        uid TEXT COLLATE "C" NOT NULL,
        name TEXT COLLATE "C" NOT NULL,
        ns TEXT COLLATE "C" NOT NULL,
        display_name TEXT COLLATE "C" NOT NULL,
        language TEXT COLLATE "C" NOT NULL,
        document BYTEA,
        created_at BIGINT NOT NULL,
        parent_run TEXT COLLATE "C" NOT NULL,
        parent_node INTEGER NOT NULL,
        depth INTEGER NOT NULL,
        options BYTEA,
        state INTEGER NOT NULL,
        reason BYTEA,
        message BYTEA,
        started_at BIGINT NOT NULL,
        finished_at BIGINT NOT NULL,
        epoch INTEGER NOT NULL,
        nodes_next INTEGER NOT NULL,
        stopping INTEGER NOT NULL,
        suspended INTEGER NOT NULL,
        deadline_passed INTEGER NOT NULL,
        parameters BYTEA,
        globals BYTEA,
        outputs BYTEA,
        nodes_total INTEGER NOT NULL,
        nodes_done INTEGER NOT NULL,
        owner TEXT COLLATE "C" NOT NULL,
        experiment TEXT COLLATE "C" NOT NULL,
        pipeline TEXT COLLATE "C" NOT NULL,
        version TEXT COLLATE "C" NOT NULL,
        recurring TEXT COLLATE "C" NOT NULL,
        description TEXT COLLATE "C" NOT NULL,
        service_account TEXT COLLATE "C" NOT NULL,
        labels TEXT COLLATE "C" NOT NULL,
        scheduled_at BIGINT NOT NULL,
        priority INTEGER NOT NULL,
        archived INTEGER NOT NULL,
        seq BIGINT NOT NULL,
        CONSTRAINT run_uid UNIQUE (uid),
        CONSTRAINT run_name UNIQUE (ns, name)
);
-- States below 4 are not final.
CREATE INDEX run_unfinished ON run (id) WHERE state < 4;
-- Each ends in the row's id, which is the order of creation: a list is a walk along one of them, from any place.
CREATE INDEX run_ns ON run (ns, id);
CREATE INDEX run_ns_state ON run (ns, state, id);
CREATE INDEX run_state ON run (state, id);
CREATE INDEX run_pipeline ON run (pipeline, id) WHERE pipeline <> '';
CREATE INDEX run_experiment ON run (experiment, id) WHERE experiment <> '';
CREATE INDEX run_recurring ON run (recurring, id) WHERE recurring <> '';
CREATE INDEX run_owner ON run (owner, id) WHERE owner <> '';
CREATE INDEX run_parent ON run (parent_run, id) WHERE parent_run <> '';
CREATE INDEX run_archived ON run (ns, id) WHERE archived = 1;
CREATE INDEX run_seq ON run (seq);

-- How many runs there are of each kind: lists say their length without counting. A row that fell to 0 stays.
CREATE TABLE run_count (
        ns TEXT COLLATE "C" NOT NULL,
        pipeline TEXT COLLATE "C" NOT NULL,
        experiment TEXT COLLATE "C" NOT NULL,
        state INTEGER NOT NULL,
        archived INTEGER NOT NULL,
        n BIGINT NOT NULL,
        PRIMARY KEY (ns, pipeline, experiment, state, archived)
) WITH (fillfactor = 50);

-- The labels of runs once more, one a row, to search by.
CREATE TABLE run_label (
        name TEXT COLLATE "C" NOT NULL,
        value TEXT COLLATE "C" NOT NULL,
        run BIGINT NOT NULL,
        PRIMARY KEY (run, name)
);
CREATE INDEX run_label_value ON run_label USING hash (value); -- of any length

CREATE TABLE node (
        run BIGINT NOT NULL,
        no BIGINT NOT NULL,
        seq BIGINT NOT NULL,
        epoch INTEGER NOT NULL,
        parent INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        role INTEGER NOT NULL,
        task INTEGER NOT NULL,
        idx INTEGER NOT NULL,
        template INTEGER NOT NULL,
        name BYTEA,
        item BYTEA,
        state INTEGER NOT NULL,
        reason BYTEA,
        message BYTEA,
        has_exit_code INTEGER NOT NULL,
        exit_code INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        dispatched INTEGER NOT NULL,
        reported INTEGER NOT NULL,
        stop_ordered INTEGER NOT NULL,
        on_stop INTEGER NOT NULL,
        created_at BIGINT NOT NULL,
        started_at BIGINT NOT NULL,
        finished_at BIGINT NOT NULL,
        wake_at BIGINT NOT NULL,
        deadline_at BIGINT NOT NULL,
        hooks_fired INTEGER NOT NULL,
        children_total INTEGER NOT NULL,
        children_done INTEGER NOT NULL,
        inputs BYTEA,
        outputs BYTEA,
        items BYTEA,
        retry BYTEA,
        cache_key BYTEA,
        cached_from BYTEA,
        child_run BYTEA,
        cpu_us BIGINT NOT NULL,
        rss_max_bytes BIGINT NOT NULL,
        PRIMARY KEY (run, no)
);
CREATE INDEX node_seq ON node (run, seq);
-- Who uses the outputs of a run; "uid/number".
CREATE INDEX node_cached ON node (cached_from) WHERE cached_from IS NOT NULL;

-- Rows of earlier epochs, as they were.
CREATE TABLE history (LIKE node);
ALTER TABLE history ADD PRIMARY KEY (run, no, epoch);

CREATE TABLE value (
        run BIGINT NOT NULL,
        no BIGINT NOT NULL,
        counted INTEGER NOT NULL, -- 1: a value, counted towards store.run_bytes_max; 0: a frame around values
        hash BYTEA NOT NULL,      -- SHA-256 of the bytes
        bytes BYTEA NOT NULL,
        PRIMARY KEY (run, no)
);

CREATE TABLE event (
        run BIGINT NOT NULL,
        no BIGINT GENERATED ALWAYS AS IDENTITY,
        node BIGINT NOT NULL,
        at BIGINT NOT NULL,
        kind BYTEA NOT NULL,
        text BYTEA NOT NULL,
        PRIMARY KEY (run, no)
);

CREATE TABLE cache (
        key BYTEA PRIMARY KEY,
        run TEXT COLLATE "C" NOT NULL,
        node BIGINT NOT NULL,
        at BIGINT NOT NULL,
        outputs BYTEA NOT NULL
);
CREATE INDEX cache_run ON cache (run);

-- The newest of a name in a run.
CREATE TABLE metric (
        run BIGINT NOT NULL,
        name TEXT COLLATE "C" NOT NULL,
        node BIGINT NOT NULL,
        value DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (run, name)
);
CREATE INDEX metric_value ON metric (name, value, run);

CREATE TABLE record (
        number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order of creation
        kind INTEGER NOT NULL,
        id TEXT COLLATE "C" NOT NULL,
        ns TEXT COLLATE "C" NOT NULL,
        parent TEXT COLLATE "C" NOT NULL,
        name TEXT COLLATE "C" NOT NULL,
        display_name TEXT COLLATE "C" NOT NULL,
        description TEXT COLLATE "C" NOT NULL,
        owner TEXT COLLATE "C" NOT NULL,
        tags TEXT COLLATE "C" NOT NULL,
        state INTEGER NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        body BYTEA NOT NULL,
        revision BIGINT NOT NULL,
        seq BIGINT NOT NULL,
        UNIQUE (kind, id)
);
CREATE UNIQUE INDEX record_name ON record (kind, ns, parent, name) WHERE name <> '';
CREATE INDEX record_kind ON record (kind, ns, created_at);
CREATE INDEX record_created ON record (kind, created_at);
CREATE INDEX record_parent ON record (parent, kind) WHERE parent <> '';
CREATE INDEX record_seq ON record (seq);

CREATE TABLE record_tag (
        name TEXT COLLATE "C" NOT NULL,
        value TEXT COLLATE "C" NOT NULL,
        record BIGINT NOT NULL, -- record.number
        PRIMARY KEY (record, name)
);
CREATE INDEX record_tag_value ON record_tag USING hash (value);

CREATE TABLE tombstone (
        kind INTEGER NOT NULL, -- of record; 0: a run
        id TEXT COLLATE "C" NOT NULL,
        seq BIGINT NOT NULL,
        at BIGINT NOT NULL,
        PRIMARY KEY (kind, id)
);
CREATE INDEX tombstone_seq ON tombstone (seq, at);
CREATE INDEX tombstone_at ON tombstone (at);

-- How many there are of each kind of record; 0 stands for entries of the cache.
CREATE TABLE counter (
        kind INTEGER PRIMARY KEY,
        n BIGINT NOT NULL
) WITH (fillfactor = 50);

-- A JSON map of strings as rows; none when it is no map.
CREATE FUNCTION members(map TEXT) RETURNS TABLE (name TEXT, value TEXT) LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
        IF map <> '' THEN
                RETURN QUERY SELECT m.key, m.value FROM jsonb_each_text(map::jsonb) m WHERE m.value IS NOT NULL AND length(m.key) <= 500;
        END IF;
EXCEPTION WHEN data_exception THEN
        RETURN;
END $$;

CREATE FUNCTION run_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
        IF TG_OP = 'INSERT' THEN
                INSERT INTO run_count SELECT ns, pipeline, experiment, state, archived, count(*) FROM fresh GROUP BY 1, 2, 3, 4, 5
                        ON CONFLICT ON CONSTRAINT run_count_pkey DO UPDATE SET n = run_count.n + excluded.n;
                INSERT INTO run_label SELECT m.name, m.value, id FROM fresh, members(labels) m WHERE labels <> '';
                DELETE FROM tombstone USING fresh WHERE kind = 0 AND tombstone.id = fresh.uid;
        ELSIF TG_OP = 'DELETE' THEN
                INSERT INTO run_count SELECT ns, pipeline, experiment, state, archived, -count(*) FROM gone GROUP BY 1, 2, 3, 4, 5
                        ON CONFLICT ON CONSTRAINT run_count_pkey DO UPDATE SET n = run_count.n + excluded.n;
                DELETE FROM run_label USING gone WHERE run = gone.id AND gone.labels <> '';
                DELETE FROM metric USING gone WHERE run = gone.id;
        ELSE
                INSERT INTO run_count SELECT ns, pipeline, experiment, state, archived, sum(d)
                        FROM (SELECT ns, pipeline, experiment, state, archived, 1 AS d FROM fresh
                              UNION ALL SELECT ns, pipeline, experiment, state, archived, -1 FROM gone) x
                        GROUP BY 1, 2, 3, 4, 5 HAVING sum(d) <> 0
                        ON CONFLICT ON CONSTRAINT run_count_pkey DO UPDATE SET n = run_count.n + excluded.n;
                DELETE FROM run_label USING gone JOIN fresh USING (id) WHERE run = gone.id AND gone.labels <> fresh.labels;
                INSERT INTO run_label SELECT m.name, m.value, fresh.id FROM gone JOIN fresh USING (id), members(fresh.labels) m WHERE gone.labels <> fresh.labels;
        END IF;
        RETURN NULL;
END $$;
CREATE TRIGGER run_new AFTER INSERT ON run REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION run_changed();
CREATE TRIGGER run_gone AFTER DELETE ON run REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION run_changed();
CREATE TRIGGER run_change AFTER UPDATE ON run REFERENCING OLD TABLE AS gone NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION run_changed();

CREATE FUNCTION record_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
        IF TG_OP = 'INSERT' THEN
                INSERT INTO counter SELECT kind, count(*) FROM fresh GROUP BY 1 ON CONFLICT ON CONSTRAINT counter_pkey DO UPDATE SET n = counter.n + excluded.n;
                INSERT INTO record_tag SELECT m.name, m.value, number FROM fresh, members(tags) m WHERE tags <> '';
                DELETE FROM tombstone USING fresh WHERE tombstone.kind = fresh.kind AND tombstone.id = fresh.id;
        ELSIF TG_OP = 'DELETE' THEN
                INSERT INTO counter SELECT kind, -count(*) FROM gone GROUP BY 1 ON CONFLICT ON CONSTRAINT counter_pkey DO UPDATE SET n = counter.n + excluded.n;
                DELETE FROM record_tag USING gone WHERE record = gone.number AND gone.tags <> '';
        ELSE
                DELETE FROM record_tag USING gone JOIN fresh USING (number) WHERE record = gone.number AND gone.tags <> fresh.tags;
                INSERT INTO record_tag SELECT m.name, m.value, fresh.number FROM gone JOIN fresh USING (number), members(fresh.tags) m WHERE gone.tags <> fresh.tags;
        END IF;
        RETURN NULL;
END $$;
CREATE TRIGGER record_new AFTER INSERT ON record REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION record_changed();
CREATE TRIGGER record_gone AFTER DELETE ON record REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION record_changed();
CREATE TRIGGER record_change AFTER UPDATE ON record REFERENCING OLD TABLE AS gone NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION record_changed();

CREATE FUNCTION cache_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
        IF TG_OP = 'INSERT' THEN
                INSERT INTO counter SELECT 0, count(*) FROM fresh HAVING count(*) > 0 ON CONFLICT ON CONSTRAINT counter_pkey DO UPDATE SET n = counter.n + excluded.n;
        ELSE
                INSERT INTO counter SELECT 0, -count(*) FROM gone HAVING count(*) > 0 ON CONFLICT ON CONSTRAINT counter_pkey DO UPDATE SET n = counter.n + excluded.n;
        END IF;
        RETURN NULL;
END $$;
CREATE TRIGGER cache_new AFTER INSERT ON cache REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION cache_changed();
CREATE TRIGGER cache_gone AFTER DELETE ON cache REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION cache_changed();

-- Which server is the engine. One row. `epoch` grows with each change of owner and is a key, so that a commit's FOR KEY SHARE excludes
-- a take-over and lets renewals pass.
CREATE TABLE lease (
        epoch BIGINT PRIMARY KEY,
        owner TEXT COLLATE "C" NOT NULL, -- empty: nobody
        renewed BIGINT NOT NULL          -- counts renewals: others see that it moves, and need no clock; -1: given up
);
INSERT INTO lease VALUES (0, '', 0);

-- Begins a commit: makes sure that its writer is still the engine (epoch 0: there is one writer only), and gives its number.
CREATE FUNCTION commit_begin(my_epoch BIGINT, my_commit BIGINT, highest_run BIGINT) RETURNS BIGINT LANGUAGE plpgsql AS $$
DECLARE
        given BIGINT;
BEGIN
        IF my_epoch <> 0 THEN
                PERFORM 1 FROM lease WHERE epoch = my_epoch FOR KEY SHARE;
                IF NOT FOUND THEN
                        RAISE EXCEPTION 'another server is the engine' USING ERRCODE = 'WF001';
                END IF;
        END IF;
        UPDATE state SET seq = seq + 1, last_commit = my_commit, runs = greatest(runs, highest_run) RETURNING seq INTO given;
        RETURN given;
END $$;
