// Later namespaces that the shared files name; at the old commit their types are where the project file's `Using` items say.
namespace PersonalizationBench.Tokenizers
{
    internal static class Moved;
}

namespace PersonalizationBench.Serving
{
    /// <summary>What a token says of itself now and did not then.</summary>
    internal static class LaterMembers
    {
        extension(GeneratedToken token)
        {
            /// <summary>Then a token was timed when it was read, which is later than when it was chosen by what the reader had to wait for a
            /// thread: the same for a first and a last token, between which its time is taken.</summary>
            public long Chosen => System.Diagnostics.Stopwatch.GetTimestamp();
        }
    }
}
