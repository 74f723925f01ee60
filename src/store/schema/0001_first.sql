-- The first schema. A released file here is never changed: what comes later is a file of its own.
--
-- `id` of nodes, history, events and values is (run.id << 32) | number, so that what belongs to one run lies together, and a batch
-- that touches neighbours touches few pages. A column of type ANY holds NULL (empty), TEXT (the text itself) or INTEGER (the number
-- of a value of the same run).

CREATE TABLE state (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        seq INTEGER NOT NULL,             -- number of the last commit
        tombstones_gone INTEGER NOT NULL  -- up to this number tombstones have been dropped
) STRICT;
INSERT INTO state VALUES (1, 0, 0);

CREATE TABLE run (
        id INTEGER PRIMARY KEY,
        uid TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        ns TEXT NOT NULL,
        display_name TEXT NOT NULL,
        language TEXT NOT NULL,
        document ANY,
        created_at INTEGER NOT NULL,
        parent_run TEXT NOT NULL,
        parent_node INTEGER NOT NULL,
        depth INTEGER NOT NULL,
        options ANY,
        state INTEGER NOT NULL,
        reason ANY,
        message ANY,
        started_at INTEGER NOT NULL,
        finished_at INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        nodes_next INTEGER NOT NULL,
        stopping INTEGER NOT NULL,
        suspended INTEGER NOT NULL,
        deadline_passed INTEGER NOT NULL,
        parameters ANY,
        globals ANY,
        outputs ANY,
        nodes_total INTEGER NOT NULL,
        nodes_done INTEGER NOT NULL,
        owner TEXT NOT NULL,
        experiment TEXT NOT NULL,
        pipeline TEXT NOT NULL,
        version TEXT NOT NULL,
        recurring TEXT NOT NULL,
        description TEXT NOT NULL,
        service_account TEXT NOT NULL,
        labels TEXT NOT NULL,
        scheduled_at INTEGER NOT NULL,
        priority INTEGER NOT NULL,
        archived INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        UNIQUE (ns, name)
) STRICT;
-- States below 4 are not final.
CREATE INDEX run_unfinished ON run (id) WHERE state < 4;
-- Each ends in the row's id, which is the order of creation: a list is a walk along one of them, from any place. What comes behind an id is
-- there to be looked at during the walk, without the row.
CREATE INDEX run_ns ON run (ns);
CREATE INDEX run_ns_state ON run (ns, state);
CREATE INDEX run_state ON run (state);
CREATE INDEX run_display_name ON run (ns, display_name);
CREATE INDEX run_pipeline ON run (pipeline, id, ns, state) WHERE pipeline <> '';
CREATE INDEX run_experiment ON run (experiment, id, ns, archived) WHERE experiment <> '';
CREATE INDEX run_recurring ON run (recurring, id, ns) WHERE recurring <> '';
CREATE INDEX run_owner ON run (owner, id, ns) WHERE owner <> '';
CREATE INDEX run_parent ON run (parent_run) WHERE parent_run <> '';
CREATE INDEX run_archived ON run (ns) WHERE archived = 1;
CREATE INDEX run_seq ON run (seq);

-- How many runs there are of each kind: lists say their length without counting. A row that fell to 0 stays.
CREATE TABLE run_count (
        ns TEXT NOT NULL,
        pipeline TEXT NOT NULL,
        experiment TEXT NOT NULL,
        state INTEGER NOT NULL,
        archived INTEGER NOT NULL,
        n INTEGER NOT NULL,
        PRIMARY KEY (ns, pipeline, experiment, state, archived)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER run_counted AFTER INSERT ON run BEGIN
        INSERT INTO run_count VALUES (new.ns, new.pipeline, new.experiment, new.state, new.archived, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER run_recounted AFTER UPDATE OF state, pipeline, experiment, archived ON run
        WHEN old.state <> new.state OR old.pipeline <> new.pipeline OR old.experiment <> new.experiment OR old.archived <> new.archived BEGIN
        UPDATE run_count SET n = n - 1 WHERE ns = old.ns AND pipeline = old.pipeline AND experiment = old.experiment AND state = old.state AND archived = old.archived;
        INSERT INTO run_count VALUES (new.ns, new.pipeline, new.experiment, new.state, new.archived, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER run_uncounted AFTER DELETE ON run BEGIN
        UPDATE run_count SET n = n - 1 WHERE ns = old.ns AND pipeline = old.pipeline AND experiment = old.experiment AND state = old.state AND archived = old.archived;
END;

-- Finds the runs whose names have three given letters in a row; whether a name really has the searched part is looked at afterwards.
CREATE VIRTUAL TABLE run_name USING fts5 (name, display_name, content = 'run', content_rowid = 'id', tokenize = 'trigram', detail = column, columnsize = 0);
CREATE TRIGGER run_named AFTER INSERT ON run BEGIN
        INSERT INTO run_name (rowid, name, display_name) VALUES (new.id, new.name, new.display_name);
END;
CREATE TRIGGER run_unnamed AFTER DELETE ON run BEGIN
        INSERT INTO run_name (run_name, rowid, name, display_name) VALUES ('delete', old.id, old.name, old.display_name);
END;

-- The labels of runs once more, one a row, to search by.
CREATE TABLE run_label (
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        run INTEGER NOT NULL,
        PRIMARY KEY (name, value, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_label_run ON run_label (run);
CREATE TRIGGER run_labelled AFTER INSERT ON run WHEN json_valid(new.labels) BEGIN
        INSERT OR IGNORE INTO run_label SELECT key, CAST(atom AS TEXT), new.id FROM json_each(new.labels) WHERE atom IS NOT NULL;
END;
CREATE TRIGGER run_relabelled AFTER UPDATE OF labels ON run WHEN old.labels <> new.labels BEGIN
        DELETE FROM run_label WHERE run = old.id;
        INSERT OR IGNORE INTO run_label SELECT key, CAST(atom AS TEXT), new.id FROM json_each(iif(json_valid(new.labels), new.labels, '{}')) WHERE atom IS NOT NULL;
END;
CREATE TRIGGER run_unlabelled AFTER DELETE ON run WHEN old.labels <> '' BEGIN
        DELETE FROM run_label WHERE run = old.id;
END;

CREATE TABLE metric (
        run INTEGER NOT NULL,     -- run.id
        name TEXT NOT NULL,
        node INTEGER NOT NULL,
        value REAL NOT NULL,
        PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX metric_value ON metric (name, value, run);

CREATE TABLE record (
        number INTEGER PRIMARY KEY, -- the order of creation
        kind INTEGER NOT NULL,
        id TEXT NOT NULL,
        ns TEXT NOT NULL,
        parent TEXT NOT NULL,
        name TEXT NOT NULL,
        display_name TEXT NOT NULL,
        description TEXT NOT NULL,
        owner TEXT NOT NULL,
        tags TEXT NOT NULL,
        state INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        body TEXT NOT NULL,       -- last, because it may be long
        UNIQUE (kind, id)
) STRICT;
CREATE UNIQUE INDEX record_name ON record (kind, ns, parent, name) WHERE name <> '';
CREATE INDEX record_kind ON record (kind, ns, created_at);
CREATE INDEX record_created ON record (kind, created_at);
CREATE INDEX record_parent ON record (parent, kind) WHERE parent <> '';
CREATE INDEX record_seq ON record (seq);

CREATE TABLE record_tag (
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        record INTEGER NOT NULL,  -- record.number
        PRIMARY KEY (name, value, record)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_tag_record ON record_tag (record);
CREATE TRIGGER record_tagged AFTER INSERT ON record WHEN json_valid(new.tags) BEGIN
        INSERT OR IGNORE INTO record_tag SELECT key, CAST(atom AS TEXT), new.number FROM json_each(new.tags) WHERE atom IS NOT NULL;
END;
CREATE TRIGGER record_retagged AFTER UPDATE OF tags ON record WHEN old.tags <> new.tags BEGIN
        DELETE FROM record_tag WHERE record = old.number;
        INSERT OR IGNORE INTO record_tag SELECT key, CAST(atom AS TEXT), new.number FROM json_each(iif(json_valid(new.tags), new.tags, '{}')) WHERE atom IS NOT NULL;
END;
CREATE TRIGGER record_untagged AFTER DELETE ON record WHEN old.tags <> '' BEGIN
        DELETE FROM record_tag WHERE record = old.number;
END;

-- How many there are of each kind of record; 0 stands for entries of the cache.
CREATE TABLE counter (
        kind INTEGER PRIMARY KEY,
        n INTEGER NOT NULL
) STRICT;
CREATE TRIGGER record_counted AFTER INSERT ON record BEGIN
        INSERT INTO counter VALUES (new.kind, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER record_uncounted AFTER DELETE ON record BEGIN
        UPDATE counter SET n = n - 1 WHERE kind = old.kind;
END;

CREATE TABLE node (
        id INTEGER PRIMARY KEY,
        seq INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        parent INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        role INTEGER NOT NULL,
        task INTEGER NOT NULL,
        idx INTEGER NOT NULL,
        template INTEGER NOT NULL,
        name ANY,
        item ANY,
        state INTEGER NOT NULL,
        reason ANY,
        message ANY,
        has_exit_code INTEGER NOT NULL,
        exit_code INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        dispatched INTEGER NOT NULL,
        reported INTEGER NOT NULL,
        stop_ordered INTEGER NOT NULL,
        on_stop INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        started_at INTEGER NOT NULL,
        finished_at INTEGER NOT NULL,
        wake_at INTEGER NOT NULL,
        deadline_at INTEGER NOT NULL,
        hooks_fired INTEGER NOT NULL,
        children_total INTEGER NOT NULL,
        children_done INTEGER NOT NULL,
        inputs ANY,
        outputs ANY,
        items ANY,
        retry ANY,
        cache_key ANY,
        cached_from ANY,
        child_run ANY,
        cpu_us INTEGER NOT NULL,
        rss_max_bytes INTEGER NOT NULL
) STRICT;
-- For streams of changes. Neighbours are written by the same commits, so that its entries move together.
CREATE INDEX node_seq ON node (seq);
-- Who uses the outputs of a run; "uid/number".
CREATE INDEX node_cached ON node (cached_from) WHERE cached_from IS NOT NULL;

-- Rows of earlier epochs, as they were.
CREATE TABLE history (
        id INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        parent INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        role INTEGER NOT NULL,
        task INTEGER NOT NULL,
        idx INTEGER NOT NULL,
        template INTEGER NOT NULL,
        name ANY,
        item ANY,
        state INTEGER NOT NULL,
        reason ANY,
        message ANY,
        has_exit_code INTEGER NOT NULL,
        exit_code INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        dispatched INTEGER NOT NULL,
        reported INTEGER NOT NULL,
        stop_ordered INTEGER NOT NULL,
        on_stop INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        started_at INTEGER NOT NULL,
        finished_at INTEGER NOT NULL,
        wake_at INTEGER NOT NULL,
        deadline_at INTEGER NOT NULL,
        hooks_fired INTEGER NOT NULL,
        children_total INTEGER NOT NULL,
        children_done INTEGER NOT NULL,
        inputs ANY,
        outputs ANY,
        items ANY,
        retry ANY,
        cache_key ANY,
        cached_from ANY,
        child_run ANY,
        cpu_us INTEGER NOT NULL,
        rss_max_bytes INTEGER NOT NULL,
        PRIMARY KEY (id, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE value (
        id INTEGER PRIMARY KEY,
        counted INTEGER NOT NULL, -- 1: a value, counted towards store.run_bytes_max; 0: a frame around values
        size INTEGER NOT NULL,
        hash BLOB NOT NULL,       -- SHA-256 of the bytes; before them, so that listing the hashes reads no content
        bytes BLOB NOT NULL
) STRICT;

CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        node INTEGER NOT NULL,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL
) STRICT;

CREATE TABLE cache (
        key ANY PRIMARY KEY,      -- 64 hexadecimal digits as a BLOB of 32 bytes, anything else as TEXT
        run TEXT NOT NULL,
        node INTEGER NOT NULL,
        at INTEGER NOT NULL,
        outputs BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER cache_counted AFTER INSERT ON cache BEGIN
        INSERT INTO counter VALUES (0, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER cache_uncounted AFTER DELETE ON cache BEGIN
        UPDATE counter SET n = n - 1 WHERE kind = 0;
END;

CREATE TABLE tombstone (
        kind INTEGER NOT NULL,    -- of record; 0: a run
        id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstone_seq ON tombstone (seq, at);
