-- The slowest requests, and where their time went
--
-- From arrival to the last token, in milliseconds: waiting for the first step, from there to the
-- first token, and from there to the last, preemptions included.
-- :top (10) requests of each run
WITH ranked AS (
  SELECT *, row_number() OVER (PARTITION BY run_id ORDER BY e2e_ns DESC, id) AS place
  FROM request WHERE e2e_ns IS NOT NULL)
SELECT run_id AS run, ranked.format, ranked.id AS request, request_class.name AS class,
  e2e_ns / 1e6 AS e2e_ms, queue_ns / 1e6 AS queue_ms,
  (first_token_ns - scheduled_ns) / 1e6 AS prefill_ms,
  (finish_ns - first_token_ns) / 1e6 AS decode_ms, preemptions, prompt_tokens, cached_tokens,
  output_tokens, replica
FROM ranked
JOIN run ON run.id = ranked.run_id
JOIN request_class ON request_class.scenario_id = run.scenario_id
  AND request_class.id = ranked.class_id
WHERE place <= ifnull(:top, 10)
ORDER BY run_id, place;
