using PersonalizationBench.Core;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Execution;

/// <summary>Is shown the personal models of every cell that was measured, before its result is committed and the models are gone. What
/// it throws fails the cell, and the next run measures it again: a cell that is done has been taken.</summary>
public interface IPersonalModelsSink
{
    void Take(Cell cell, IBaseModel baseModel, IPersonalModels models, CellResult result);
}
