// Later namespaces that the shared files name; at the old commit their types are where the project file's `Using` items say.
namespace PersonalizationBench.Tokenizers
{
    internal static class Moved;
}
