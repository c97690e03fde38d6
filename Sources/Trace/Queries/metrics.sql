-- All figures of the runs, side by side
--
-- One row for each figure, one column for each of the first three runs: those of one scenario in
-- three formats. `metric` has those of further runs.
WITH numbered AS (
  SELECT id, format, row_number() OVER (ORDER BY id) AS place FROM run)
SELECT metric.name AS figure, metric.unit,
  max(CASE numbered.place WHEN 1 THEN metric.value END) AS first_run,
  max(CASE numbered.place WHEN 2 THEN metric.value END) AS second_run,
  max(CASE numbered.place WHEN 3 THEN metric.value END) AS third_run
FROM metric JOIN numbered ON numbered.id = metric.run_id
GROUP BY metric.name, metric.unit
ORDER BY metric.name;
