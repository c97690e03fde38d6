-- Tokens and requests a second, over the whole run and for each device
--
-- Over the time from the first arrival to the last departure. A device counts while its replica is
-- there, which is all that time where no replica comes or goes.
WITH span AS (
  SELECT run_id, sum(outcome = 'finished') AS finished,
    sum(prompt_tokens * (outcome = 'finished')) AS prompt_tokens,
    sum(output_tokens) AS output_tokens, (max(finish_ns) - min(arrival_ns)) / 1e9 AS seconds
  FROM request GROUP BY run_id),
fleet AS (
  SELECT run_id, sum(replicas) AS replicas, sum(replicas * devices) AS devices
  FROM replica_group GROUP BY run_id),
present AS (SELECT run_id, value / 1e9 AS seconds FROM metric WHERE name = 'device_ns')
SELECT run.id AS run, run.format, fleet.replicas, fleet.devices, span.seconds,
  span.finished / nullif(span.seconds, 0) AS requests_per_s,
  span.prompt_tokens / nullif(span.seconds, 0) AS prompt_tokens_per_s,
  span.output_tokens / nullif(span.seconds, 0) AS output_tokens_per_s,
  span.output_tokens / nullif(present.seconds, 0) AS output_tokens_per_s_and_device
FROM run
JOIN span ON span.run_id = run.id
JOIN fleet ON fleet.run_id = run.id
LEFT JOIN present ON present.run_id = run.id
ORDER BY run.id;
