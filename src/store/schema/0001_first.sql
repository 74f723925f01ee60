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
        display_name ANY,
        language TEXT NOT NULL,
        document ANY,
        created_at INTEGER NOT NULL,
        parent_run ANY,
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
        seq INTEGER NOT NULL,
        UNIQUE (ns, name)
) STRICT;
-- States below 4 are not final.
CREATE INDEX run_unfinished ON run (id) WHERE state < 4;

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

CREATE TABLE tombstone (
        seq INTEGER NOT NULL,
        run TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (seq, run)
) STRICT, WITHOUT ROWID;
