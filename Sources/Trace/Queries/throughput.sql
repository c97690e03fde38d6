-- Tokens and requests a second, over the whole run and for each replica
WITH span AS (
  SELECT run_id, count(*) AS requests, sum(outcome = 'finished') AS finished,
    sum(prompt_tokens * (outcome = 'finished')) AS prompt_tokens,
    sum(output_tokens) AS output_tokens, (max(finish_ns) - min(arrival_ns)) / 1e9 AS seconds
  FROM request GROUP BY run_id),
fleet AS (SELECT run_id, sum(replicas) AS replicas FROM replica_group GROUP BY run_id),
busy AS (SELECT run_id, sum(end_ns - start_ns) / 1e9 AS seconds FROM step GROUP BY run_id)
SELECT run.id AS run, run.format, fleet.replicas, span.seconds,
  span.finished / nullif(span.seconds, 0) AS requests_per_s,
  span.prompt_tokens / nullif(span.seconds, 0) AS prompt_tokens_per_s,
  span.output_tokens / nullif(span.seconds, 0) AS output_tokens_per_s,
  span.output_tokens / nullif(span.seconds, 0) / fleet.replicas AS output_per_s_and_replica,
  busy.seconds / nullif(span.seconds, 0) / fleet.replicas AS busy_share
FROM run
JOIN span ON span.run_id = run.id
JOIN fleet ON fleet.run_id = run.id
JOIN busy ON busy.run_id = run.id
ORDER BY run.id;
