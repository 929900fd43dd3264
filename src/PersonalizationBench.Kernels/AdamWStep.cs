namespace PersonalizationBench.Kernels;

/// <summary>The numbers of one AdamW step (Loshchilov and Hutter, 2017, arXiv:1711.05101).</summary>
/// <param name="Number">1 for the first</param>
/// <param name="LearningRate">of this step, after its schedule</param>
/// <param name="Beta1">decay of the mean of the gradients</param>
/// <param name="Beta2">decay of the mean of their squares</param>
/// <param name="Epsilon">added to the denominator</param>
/// <param name="WeightDecay">share of the weight that one step at learning rate 1 takes away</param>
/// <param name="GradientScale">what the gradients are multiplied with first: clipping, for instance</param>
public readonly record struct AdamWStep(
    int Number, double LearningRate, double Beta1 = 0.9, double Beta2 = 0.999, double Epsilon = 1e-8, double WeightDecay = 0, double GradientScale = 1);
