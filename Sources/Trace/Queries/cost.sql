-- What a million tokens cost, in hours of a device and at a price
--
-- Hours of all devices, busy or not, over the tokens of the run: those produced, and all of prompts
-- and outputs. A device counts while its replica is there.
-- :price amount (none) what an hour of a device costs, in any currency
-- No rows: no run has ended, or the trace keeps no requests.
WITH tokens AS (
  SELECT run_id, sum(output_tokens) AS outputs,
    sum((prompt_tokens + output_tokens) * (outcome = 'finished')) AS all_tokens
  FROM request GROUP BY run_id),
present AS (SELECT run_id, value / 3.6e12 AS hours FROM metric WHERE name = 'device_ns')
SELECT run.id AS run, run.format, present.hours AS device_hours, tokens.outputs AS output_tokens,
  1e6 * present.hours / nullif(tokens.outputs, 0) AS hours_per_million_outputs,
  1e6 * present.hours / nullif(tokens.all_tokens, 0) AS hours_per_million_tokens,
  :price * 1e6 * present.hours / nullif(tokens.outputs, 0) AS cost_per_million_outputs,
  :price * 1e6 * present.hours / nullif(tokens.all_tokens, 0) AS cost_per_million_tokens
FROM run
JOIN tokens ON tokens.run_id = run.id
JOIN present ON present.run_id = run.id
ORDER BY run.id;
