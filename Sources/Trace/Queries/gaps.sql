-- The longest times between tokens, and what they were spent on
--
-- Of runs with `--token-times`. `token` is the one that came late, from 0. `lost_blocks` says why
-- the request lost its blocks meanwhile, if it did, and `hand_over_ms` for how long they were copied
-- to another replica; `prompt_tokens` and `prompt_steps` are what the steps of its replica computed
-- of prompts meanwhile, its own lost tokens among them, and `longest_step_ms` their longest step.
-- :top count (10) how many of each run
-- No rows: times of tokens are kept by `kvsim run --token-times`.
WITH gap AS (
  SELECT request.run_id, request.id AS request, request.replica, late.sample, late.token,
    early.time_ns AS from_ns, late.time_ns AS to_ns
  FROM request_token_times AS early
  JOIN request_token_times AS late ON late.request_seq = early.request_seq
    AND late.sample = early.sample AND late.token = early.token + 1
  JOIN request ON request.seq = early.request_seq
  WHERE late.time_ns > early.time_ns),
counted AS (
  SELECT run_id, to_ns - from_ns AS ns, count(*) AS gaps FROM gap GROUP BY run_id, ns),
-- The shortest of those that are wanted: what is shorter need not be sorted.
least AS MATERIALIZED (
  SELECT run_id, max(ns) AS ns FROM (
    SELECT run_id, ns, sum(gaps) OVER (PARTITION BY run_id ORDER BY ns DESC) AS longer,
      sum(gaps) OVER (PARTITION BY run_id) AS all_gaps
    FROM counted)
  WHERE longer >= min(ifnull(:top, 10), all_gaps) GROUP BY run_id),
ranked AS (
  SELECT gap.*, row_number() OVER (
      PARTITION BY gap.run_id ORDER BY to_ns - from_ns DESC, request, sample, token) AS place
  FROM least JOIN gap ON gap.run_id = least.run_id AND to_ns - from_ns >= least.ns),
longest AS MATERIALIZED (SELECT * FROM ranked WHERE place <= ifnull(:top, 10)),
loss AS (
  SELECT longest.run_id, longest.place, group_concat(DISTINCT event.cause) AS causes,
    sum(CASE WHEN event.kind = 'handed_over' THEN event.time_ns - event.start_ns END) AS copy_ns
  FROM event JOIN longest ON longest.run_id = event.run_id AND longest.request = event.request_id
    AND longest.sample = event.sample AND event.time_ns BETWEEN from_ns AND to_ns
  WHERE event.kind IN ('preempted', 'swapped_out', 'displaced', 'handed_over')
  GROUP BY longest.run_id, longest.place),
work AS (
  SELECT longest.run_id, longest.place, sum(step.prefill_tokens) AS prompt_tokens,
    sum(step.prefill_tokens > 0) AS prompt_steps,
    max((step.end_ns - step.start_ns) / step.steps) AS step_ns
  FROM step JOIN longest ON longest.run_id = step.run_id AND longest.replica = step.replica
    AND step.start_ns < to_ns AND step.end_ns > from_ns
  GROUP BY longest.run_id, longest.place)
SELECT run.id AS run, run.format, longest.request, longest.sample, longest.token,
  from_ns / 1e9 AS from_s, (to_ns - from_ns) / 1e6 AS gap_ms, loss.causes AS lost_blocks,
  loss.copy_ns / 1e6 AS hand_over_ms, work.prompt_tokens, work.prompt_steps,
  work.step_ns / 1e6 AS longest_step_ms
FROM longest
JOIN run ON run.id = longest.run_id
LEFT JOIN loss ON loss.run_id = longest.run_id AND loss.place = longest.place
LEFT JOIN work ON work.run_id = longest.run_id AND work.place = longest.place
ORDER BY run.id, longest.place;
