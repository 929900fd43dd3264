using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>A part of a template, which names its place in errors.</summary>
/// <param name="Line">Where it begins, from 1.</param>
internal abstract record Node(int Line)
{
    protected T Located<T>(Scope scope, Func<Scope, T> evaluate)
    {
        try
        {
            Values.GuardDepth();
            return evaluate(scope);
        }
        catch (TemplateFault fault)
        {
            throw PbenchException.At(scope.Run.Source, Line, fault.Message, fault);
        }
    }
}
