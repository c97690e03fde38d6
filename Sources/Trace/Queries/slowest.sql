-- The slowest requests, and where their time went
--
-- From arrival to the last token, in milliseconds: waiting for the first step (`queue_ms`), its
-- prompt until the first token (`prefill_ms`), the tokens behind that (`decode_ms`), and, taken out
-- of these two, waiting without the blocks that it had lost (`preempted_ms`) and computing again
-- what was in them (`recompute_ms`). The five add up to `e2e_ms`; of several samples of a prompt the
-- last two are left at 0, as while one waits others go on.
-- :top count (10) requests of each run
WITH ranked AS (
  SELECT *, row_number() OVER (PARTITION BY run_id ORDER BY e2e_ns DESC, id) AS place
  FROM request WHERE e2e_ns IS NOT NULL),
chosen AS (SELECT * FROM ranked WHERE place <= ifnull(:top, 10)),
interrupted AS (
  SELECT chosen.seq,
    sum((event.time_ns - event.start_ns) * (event.kind <> 'recomputed')) AS waited_ns,
    sum((event.time_ns - event.start_ns) * (event.kind = 'recomputed')) AS recomputed_ns,
    -- Of the waits, those in the course of the prompt: it is computed once all the same.
    sum((event.time_ns - event.start_ns)
      * (event.kind <> 'recomputed' AND event.time_ns <= chosen.first_token_ns)) AS in_prefill_ns
  FROM chosen JOIN event ON event.run_id = chosen.run_id AND event.request_id = chosen.id
  WHERE event.kind IN ('resumed', 'swapped_in', 'recomputed') AND chosen.samples = 1
  GROUP BY chosen.seq)
SELECT run_id AS run, chosen.format, chosen.id AS request, request_class.name AS class,
  e2e_ns / 1e6 AS e2e_ms, queue_ns / 1e6 AS queue_ms,
  (first_token_ns - scheduled_ns - ifnull(in_prefill_ns, 0)) / 1e6 AS prefill_ms,
  (finish_ns - first_token_ns - ifnull(waited_ns - in_prefill_ns + recomputed_ns, 0)) / 1e6
    AS decode_ms,
  ifnull(waited_ns, 0) / 1e6 AS preempted_ms, ifnull(recomputed_ns, 0) / 1e6 AS recompute_ms,
  preemptions, prompt_tokens, cached_tokens, output_tokens, replica
FROM chosen
JOIN run ON run.id = chosen.run_id
JOIN request_class ON request_class.scenario_id = run.scenario_id
  AND request_class.id = chosen.class_id
LEFT JOIN interrupted ON interrupted.seq = chosen.seq
ORDER BY run_id, place;
