-- Which share of the requests met their objectives, by format and class
--
-- Objectives are those of the class, or those given. A request that was rejected meets none; one
-- of a class without objectives meets them when it finishes. With one output token there is no
-- time per token to be missed. `missed_*` are finished requests, some of which missed several.
-- Good requests a second are over the time from the first arrival to the last departure.
-- :ttft_ms amount (the class's) milliseconds to the first token
-- :tpot_ms amount (the class's) milliseconds for each token after it
-- :e2e_ms amount (the class's) milliseconds to the last token
WITH span AS (
  SELECT run_id, (max(finish_ns) - min(arrival_ns)) / 1e9 AS seconds FROM request GROUP BY run_id),
judged AS (
  SELECT request.run_id, request.class_id, request.outcome = 'finished' AS finished,
    ifnull(ttft_ns > ifnull(:ttft_ms * 1e6, ttft_objective_ns), 0) AS ttft,
    ifnull(tpot_ns > ifnull(:tpot_ms * 1e6, tpot_objective_ns), 0) AS tpot,
    ifnull(e2e_ns > ifnull(:e2e_ms * 1e6, e2e_objective_ns), 0) AS e2e
  FROM request
  JOIN run ON run.id = request.run_id
  JOIN request_class ON request_class.scenario_id = run.scenario_id
    AND request_class.id = request.class_id)
SELECT run.id AS run, run.format, request_class.name AS class, count(*) AS requests,
  avg(finished AND NOT (ttft OR tpot OR e2e)) AS good_share,
  sum(finished AND NOT (ttft OR tpot OR e2e)) / nullif(span.seconds, 0) AS good_per_s,
  sum(NOT finished) AS rejected, sum(finished AND ttft) AS missed_ttft,
  sum(finished AND tpot) AS missed_tpot, sum(finished AND e2e) AS missed_e2e
FROM judged
JOIN run ON run.id = judged.run_id
JOIN span ON span.run_id = run.id
JOIN request_class ON request_class.scenario_id = run.scenario_id
  AND request_class.id = judged.class_id
GROUP BY run.id, judged.class_id
ORDER BY run.id, judged.class_id;
