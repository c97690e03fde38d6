/// The tables of a trace. `docs/traces.md` explains every column at length; the comments
/// in the statements stay in the file, so that `sqlite3 trace.db .schema` explains it too.
///
/// The rows of `request`, `step` and `event` share one counter, `seq`, as their rowid. Rows are so
/// appended at the end of a b-tree, the cheapest insert that SQLite has; the order in which a run's
/// records were made is kept without a column more; and a run's rows are one range of rowids, so
/// that no index is needed to find them. Times that follow from others are generated columns: they
/// take no room and cannot contradict the columns that they follow from.
enum TraceSchema {
  /// Written to `PRAGMA user_version`: raised whenever the meaning of a file changes.
  static let version: Int64 = 9
  /// Written to `PRAGMA application_id`: the ASCII letters `kvsm`.
  static let applicationID: Int64 = 0x6b76_736d

  /// Creates every table and view in an empty database.
  static let statements = inputs + sweeps + runs + records + views

  /// Whether a database has these tables and views and nothing else, word for word.
  static func isSchema(of connection: Connection) throws(TraceError) -> Bool {
    let own = try Connection(file: ":memory:", path: ":memory:", mode: .create)
    try own.execute(statements)
    let list = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid"
    let (expected, found) = (try own.prepare(list), try connection.prepare(list))
    while try expected.step() {
      guard try found.step(), (0..<4).allSatisfy({ expected.text($0) == found.text($0) }) else {
        return false
      }
    }
    return try !found.step()
  }

  private static let inputs = """
    CREATE TABLE scenario (
      id INTEGER PRIMARY KEY,
      name TEXT NOT NULL,        -- what the scenario calls itself
      source_path TEXT,          -- the file it was read from; NULL if it came with kvsim
      text TEXT NOT NULL,        -- the scenario as given, byte for byte
      model_json TEXT NOT NULL,  -- the model's config.json as given, byte for byte
      link_json TEXT             -- the measured link as given; NULL where devices use none
    ) STRICT;

    CREATE TABLE request_class (
      scenario_id INTEGER NOT NULL REFERENCES scenario(id),
      id INTEGER NOT NULL,       -- place among the scenario's classes, from 0
      name TEXT NOT NULL,        -- what results call it; all where the scenario names none
      priority INTEGER NOT NULL, -- lower is handled first by schedulers that go by it
      system_prompt_tokens INTEGER NOT NULL, -- tokens with which all its prompts begin
      ttft_objective_ns INTEGER, -- wanted of the time to first token; NULL if nothing is
      tpot_objective_ns INTEGER, -- wanted of the time per token after; NULL if nothing is
      e2e_objective_ns INTEGER,  -- wanted of arrival to the last token; NULL if nothing is
      PRIMARY KEY (scenario_id, id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE profile (
      id INTEGER PRIMARY KEY,
      name TEXT NOT NULL,        -- what the profile calls itself
      device TEXT NOT NULL,      -- the device that it describes
      kernel_path TEXT NOT NULL, -- the kernels that were timed, such as avx512
      provenance TEXT NOT NULL,  -- measured, imported or derived
      checksum TEXT NOT NULL,    -- the checksum that the profile carries
      text TEXT NOT NULL         -- the profile as given, byte for byte
    ) STRICT;

    """

  private static let sweeps = """
    CREATE TABLE sweep (         -- one row in the database of a sweep, else none
      id INTEGER PRIMARY KEY CHECK (id = 1),
      scenario_id INTEGER NOT NULL REFERENCES scenario(id), -- as it is before anything is varied
      seed INTEGER NOT NULL,     -- unsigned 64-bit seed of points that set none
      profile_checksum TEXT NOT NULL, -- of the profile that it names, or --profile in its place
      kvsim_version TEXT NOT NULL, -- the kvsim that runs the points
      points INTEGER NOT NULL,   -- points of the whole grid
      shard INTEGER NOT NULL,    -- which share of them is here, from 1
      shards INTEGER NOT NULL    -- of how many: point p is in share 1 + p mod shards
    ) STRICT;

    CREATE TABLE sweep_axis (    -- what a sweep varies; the last axis varies fastest
      axis INTEGER NOT NULL,     -- from 0
      place INTEGER NOT NULL,    -- place of the value on its axis, from 0
      path TEXT NOT NULL,        -- the key, such as engine.max_num_seqs
      value TEXT NOT NULL,       -- its value, as a scenario would have it
      PRIMARY KEY (axis, place)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE sweep_point (   -- a point that was run
      id INTEGER PRIMARY KEY,    -- its place in the grid, from 0
      outcome TEXT NOT NULL,     -- done or failed
      reason TEXT                -- why it failed; NULL if it did not
    ) STRICT;

    CREATE TABLE sweep_setting ( -- the value that a point has on each axis
      point_id INTEGER NOT NULL REFERENCES sweep_point(id),
      axis INTEGER NOT NULL,     -- from 0
      path TEXT NOT NULL,        -- sweep_axis.path, repeated
      value TEXT NOT NULL,       -- sweep_axis.value, repeated
      PRIMARY KEY (point_id, axis)
    ) STRICT, WITHOUT ROWID;

    """

  private static let runs = """
    CREATE TABLE run (
      id INTEGER PRIMARY KEY,            -- from 1, in the order in which the runs were made
      scenario_id INTEGER NOT NULL REFERENCES scenario(id),
      point_id INTEGER REFERENCES sweep_point(id), -- its point of the sweep; NULL for none
      format TEXT NOT NULL,              -- KV format: fp16, int4, int4-rotated, ...
      seed INTEGER NOT NULL,             -- unsigned 64-bit seed; add 2^64 if negative
      kvsim_version TEXT NOT NULL,       -- the kvsim that made the run
      started_utc TEXT NOT NULL,         -- wall clock; the only column that may differ
      completed INTEGER NOT NULL,        -- 1 once the run has ended, else 0
      row_digest TEXT,                   -- digest of its records, kept or not; NULL till ended
      last_event_ns INTEGER,             -- time of its last event; NULL till ended
      requests INTEGER,                  -- rows in request, 0 in a sweep; NULL till ended
      step_rows INTEGER,                 -- rows in step, 0 in a sweep; NULL till ended
      events INTEGER,                    -- rows in event, 0 in a sweep; NULL till ended
      first_seq INTEGER NOT NULL,        -- seq of its first record
      last_seq INTEGER                   -- seq of its last record, below first_seq if it has none
    ) STRICT;

    CREATE TABLE replica_group (
      run_id INTEGER NOT NULL REFERENCES run(id),
      id INTEGER NOT NULL,               -- place among the run's groups, from 0
      name TEXT NOT NULL,                -- what the scenario calls it; replicas if it names none
      role TEXT NOT NULL,                -- what its replicas do: both, prefill or decode
      profile_id INTEGER NOT NULL REFERENCES profile(id),
      format TEXT NOT NULL,              -- KV format of its replicas
      first_replica INTEGER NOT NULL,    -- number of its first replica
      replicas INTEGER NOT NULL,         -- replicas that can be there
      devices INTEGER NOT NULL,          -- devices that each has
      kv_bytes_per_token INTEGER NOT NULL, -- bytes that one token takes, all layers, each device
      pool_tokens INTEGER NOT NULL,      -- tokens that the pool of each replica holds
      pool_blocks INTEGER NOT NULL,      -- blocks that the pool of each replica holds
      block_size INTEGER NOT NULL,       -- tokens of one block
      PRIMARY KEY (run_id, id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE metric (
      run_id INTEGER NOT NULL REFERENCES run(id),
      name TEXT NOT NULL,        -- such as ttft_p99_ns
      unit TEXT NOT NULL,        -- such as ns or tokens/s
      value REAL,                -- NULL where the run does not define it
      PRIMARY KEY (run_id, name)
    ) STRICT, WITHOUT ROWID;

    """

  private static let records = """
    CREATE INDEX run_of_point ON run (point_id);

    CREATE TABLE request (
      seq INTEGER PRIMARY KEY,          -- place among all records of the file, from 1
      run_id INTEGER NOT NULL REFERENCES run(id),
      format TEXT NOT NULL,             -- the run's format, repeated
      id INTEGER NOT NULL,              -- number in the order in which requests fall due
      arrival_ns INTEGER NOT NULL,      -- when it arrived
      scheduled_ns INTEGER,             -- start of the first step on it; NULL if there was none
      first_token_ns INTEGER,           -- when its first token was ready; NULL if none was
      finish_ns INTEGER NOT NULL,       -- when its last token was ready, or it was rejected
      prompt_tokens INTEGER NOT NULL,   -- tokens of the prompt
      cached_tokens INTEGER NOT NULL,   -- of these, found in the prefix cache at first
      output_tokens INTEGER NOT NULL,   -- tokens produced, of all samples
      preemptions INTEGER NOT NULL,     -- times it lost its blocks of the pool
      outcome TEXT NOT NULL,            -- finished or rejected
      class_id INTEGER NOT NULL,        -- its class among the scenario's, request_class.id
      priority INTEGER NOT NULL,        -- its priority, lower first
      replica INTEGER NOT NULL,         -- the replica that it left, from 0; -1 for none
      samples INTEGER NOT NULL,         -- outputs of its prompt that were wanted
      last_sample_tokens INTEGER NOT NULL, -- tokens of the output that ended last
      -- Arrival to the first step on it; NULL if there was none.
      queue_ns INTEGER GENERATED ALWAYS AS (scheduled_ns - arrival_ns) VIRTUAL,
      -- Arrival to the first token; NULL if none was.
      ttft_ns INTEGER GENERATED ALWAYS AS (first_token_ns - arrival_ns) VIRTUAL,
      -- Mean time per token after the first, of the output that ended last, rounded down; NULL
      -- below two tokens.
      tpot_ns INTEGER GENERATED ALWAYS AS (
        CASE WHEN outcome = 'finished' AND last_sample_tokens > 1
        THEN (finish_ns - first_token_ns) / (last_sample_tokens - 1) END) VIRTUAL,
      -- Arrival to the last token; NULL unless finished.
      e2e_ns INTEGER GENERATED ALWAYS AS (
        CASE WHEN outcome = 'finished' THEN finish_ns - arrival_ns END) VIRTUAL
    ) STRICT;

    CREATE TABLE step (
      seq INTEGER PRIMARY KEY,               -- place among all records of the file, from 1
      run_id INTEGER NOT NULL REFERENCES run(id),
      id INTEGER NOT NULL,                   -- place among the run's rows of this table, from 0
      start_ns INTEGER NOT NULL,             -- when the first step started
      end_ns INTEGER NOT NULL,               -- when the last step ended
      steps INTEGER NOT NULL,                -- how many steps the row stands for
      decode_sequences INTEGER NOT NULL,     -- sequences that decode, one token a step
      context_tokens INTEGER NOT NULL,       -- tokens that they attend to in the first step
      prefill_sequences INTEGER NOT NULL,    -- sequences whose prompt is worked on
      prefill_tokens INTEGER NOT NULL,       -- prompt tokens computed
      waiting_requests INTEGER NOT NULL,     -- requests waiting at the start
      preempted_requests INTEGER NOT NULL,   -- sequences preempted to make room
      used_blocks INTEGER NOT NULL,          -- blocks owned at the end
      empty_slots INTEGER NOT NULL,          -- of their slots, one a token, those without a token
      linear_ns INTEGER NOT NULL,            -- projections and the language-model head
      append_ns INTEGER NOT NULL,            -- writing new keys and values
      decode_attention_ns INTEGER NOT NULL,  -- attention of decode tokens
      prefill_attention_ns INTEGER NOT NULL, -- attention of prompt tokens
      elementwise_ns INTEGER NOT NULL,       -- norms, activation, sampling and the like
      collective_ns INTEGER NOT NULL,        -- exchange between the devices of one replica
      host_ns INTEGER NOT NULL,              -- what the engine does between steps
      swap_ns INTEGER NOT NULL,              -- copies between pool and host memory
      extrapolated_ns INTEGER NOT NULL,      -- of the total, priced beyond measured points
      derived_ns INTEGER NOT NULL,           -- of the total, derived and not measured
      replica INTEGER NOT NULL               -- the replica, from 0
    ) STRICT;

    CREATE TABLE event (
      seq INTEGER PRIMARY KEY,   -- place among all records of the file, from 1
      run_id INTEGER NOT NULL REFERENCES run(id),
      kind TEXT NOT NULL,        -- what happened, such as preempted or replica_failed
      time_ns INTEGER NOT NULL,  -- when
      start_ns INTEGER NOT NULL, -- since when, of what takes time; else time_ns
      replica INTEGER NOT NULL,  -- the replica, from 0; -1 of a request that is rejected
      to_replica INTEGER,        -- where a request is handed over to; else NULL
      request_id INTEGER,        -- the request, request.id; NULL of a replica
      sample INTEGER NOT NULL,   -- which of its samples, from 0
      cause TEXT,                -- why it lost its blocks or was rejected; NULL if neither
      yielded_to INTEGER,        -- the request for which it did; NULL if for none in particular
      tokens INTEGER NOT NULL,   -- in the cache: that it loses, finds, hands over or would need
      blocks INTEGER NOT NULL    -- blocks that become free, or are copied
    ) STRICT;

    CREATE TABLE request_token_times ( -- of runs that were to keep them; requests that finished
      request_seq INTEGER NOT NULL REFERENCES request(seq), -- the request
      sample INTEGER NOT NULL,   -- which of its samples, from 0
      token INTEGER NOT NULL,    -- place in the sample's output, from 0
      time_ns INTEGER NOT NULL,  -- when it was ready
      PRIMARY KEY (request_seq, sample, token)
    ) STRICT, WITHOUT ROWID;

    """

  private static let views = """
    CREATE VIEW pool_sample AS -- the pool at the end of each row of step
    SELECT step.run_id, run.format, step.replica, step.end_ns AS time_ns, step.used_blocks,
      CAST(step.used_blocks AS REAL) / nullif(replica_group.pool_blocks, 0) AS used_share,
      CAST(step.empty_slots AS REAL) / nullif(step.used_blocks * block_size, 0) AS empty_share,
      step.waiting_requests,
      step.decode_sequences + step.prefill_sequences AS running_sequences
    FROM step JOIN run ON run.id = step.run_id
    JOIN replica_group ON replica_group.run_id = step.run_id
      AND step.replica >= first_replica AND step.replica < first_replica + replicas;

    CREATE VIEW request_ms AS -- requests, times in milliseconds
    SELECT run_id, format, id, arrival_ns / 1e6 AS arrival_ms, queue_ns / 1e6 AS queue_ms,
      ttft_ns / 1e6 AS ttft_ms, tpot_ns / 1e6 AS tpot_ms, e2e_ns / 1e6 AS e2e_ms,
      prompt_tokens, cached_tokens, output_tokens, preemptions, outcome, class_id, priority,
      replica, samples, last_sample_tokens
    FROM request;

    CREATE VIEW step_ms AS -- steps, times in milliseconds for one step
    SELECT step.run_id, run.format, step.id, start_ns / 1e6 AS start_ms, steps,
      (end_ns - start_ns) / 1e6 / nullif(steps, 0) AS step_ms,
      linear_ns / 1e6 / nullif(steps, 0) AS linear_ms,
      append_ns / 1e6 / nullif(steps, 0) AS append_ms,
      decode_attention_ns / 1e6 / nullif(steps, 0) AS decode_attention_ms,
      prefill_attention_ns / 1e6 / nullif(steps, 0) AS prefill_attention_ms,
      elementwise_ns / 1e6 / nullif(steps, 0) AS elementwise_ms,
      collective_ns / 1e6 / nullif(steps, 0) AS collective_ms,
      host_ns / 1e6 / nullif(steps, 0) AS host_ms,
      swap_ns / 1e6 / nullif(steps, 0) AS swap_ms,
      decode_sequences, context_tokens, prefill_sequences, prefill_tokens, replica
    FROM step JOIN run ON run.id = step.run_id;

    """
}
