using System.Globalization;
using System.Text;

namespace PersonalizationBench.Serving;

/// <summary>The server's state in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/).</summary>
internal static class PrometheusText
{
    public static string Of(ServerParts parts)
    {
        var (text, engine, adapters) = (new StringBuilder(), parts.Engine.Metrics, parts.Adapters);
        Gauge("pbench_requests_waiting", "Requests in the queue.", engine.Waiting);
        Gauge("pbench_requests_running", "Sequences in the batch.", engine.Running);
        Gauge("pbench_slots_in_use", "Adapter slots that a running sequence uses.", engine.SlotsInUse);
        Gauge("pbench_pages_available", "Pages of keys and values that a new sequence may have.", engine.PagesAvailable);
        Gauge("pbench_adapters_in_memory", "Adapters in memory.", adapters.Count);
        Gauge("pbench_adapter_bytes_in_memory", "Bytes of them.", adapters.Bytes);
        Counter("pbench_tokens_total", "Tokens of answers.", engine.Tokens);
        Counter("pbench_steps_total", "Steps taken.", engine.Steps);
        Counter("pbench_rows_total", "Rows of all steps: tokens of prompts and of answers.", engine.Rows);
        Counter("pbench_slot_loads_total", "Adapters copied into a slot.", engine.SlotLoads);
        Counter("pbench_adapter_loads_total", "Adapters read from storage.", adapters.Loads);
        Counter("pbench_adapter_hits_total", "Adapters asked for that were in memory, or on their way.", adapters.Hits);
        Head("pbench_requests_total", "counter", "Requests that ended, by reason.");
        foreach (var (reason, count) in engine.Ended) Line("pbench_requests_total", $"reason=\"{Name(reason)}\"", count.Value);
        Histogram("pbench_step_seconds", "Time of a step.", [("", engine.StepTime)]);
        Histogram("pbench_adapter_load_seconds", "Reading, verifying and packing an adapter.", [("", adapters.LoadTime)]);
        Histogram("pbench_slot_load_seconds", "Copy of an adapter into its slot.", [("", engine.SlotLoadTime)]);
        Histogram("pbench_first_token_seconds", "From submission to the first token, by where the adapter was.", engine.FirstToken.Select(t => ($"tier=\"{Name(t.Key)}\"", t.Value)));
        return text.ToString();

        void Head(string name, string type, string help) => text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");
        void Line(string name, string labels, double value) => text.Append(CultureInfo.InvariantCulture, $"{name}{(labels.Length == 0 ? "" : $"{{{labels}}}")} {value}\n");
        void Gauge(string name, string help, double value)
        {
            Head(name, "gauge", help);
            Line(name, "", value);
        }
        void Counter(string name, string help, double value)
        {
            Head(name, "counter", help);
            Line(name, "", value);
        }
        void Histogram(string name, string help, IEnumerable<(string Labels, LatencyHistogram Times)> series)
        {
            Head(name, "histogram", help);
            foreach (var (labels, times) in series)
            {
                var (counts, comma) = (times.Cumulative, labels.Length == 0 ? "" : ",");
                for (var i = 0; i < counts.Count; i++)
                    Line(name + "_bucket", $"{labels}{comma}le=\"{(i < LatencyHistogram.Bounds.Count ? LatencyHistogram.Bounds[i].ToString("0.####", CultureInfo.InvariantCulture) : "+Inf")}\"", counts[i]);
                Line(name + "_sum", labels, times.SumSeconds);
                Line(name + "_count", labels, counts[^1]);
            }
        }
    }

    private static string Name<T>(T value) where T : struct, Enum => value.ToString().ToLowerInvariant();
}
