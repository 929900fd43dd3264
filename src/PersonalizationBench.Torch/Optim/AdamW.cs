using TorchSharp.Modules;

namespace TorchSharp
{
    namespace Modules
    {
        /// <summary>Parameters trained alike.</summary>
        public class ParamGroup : torch.optim.ILearningRateController
        {
            public IEnumerable<Parameter> Parameters { get; set; } = [];
            public double LearningRate { get; set; }
            public double InitialLearningRate { get; set; }
        }

        /// <summary>Adam with decoupled weight decay (Loshchilov and Hutter, 2019).</summary>
        public class AdamW : torch.optim.Optimizer
        {
            private readonly Dictionary<Parameter, State> _states = new(ReferenceEqualityComparer.Instance);
            private readonly List<ParamGroup> _groups = [];

            public AdamW(
                IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
                double weight_decay = 0, bool amsgrad = false, bool maximize = false)
                : this((ParamGroup[])[new ParamGroup(parameters, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize)])
            {
            }

            /// <summary>Each group carries its own numbers; those given here are for TorchSharp's signature.</summary>
            public AdamW(
                IEnumerable<ParamGroup> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
                double weight_decay = 0, bool amsgrad = false, bool maximize = false)
            {
                foreach (ParamGroup group in parameters)
                {
                    group.Parameters = [.. group.Parameters];
                    _groups.Add(group);
                }
            }

            public override IEnumerable<torch.optim.ILearningRateController> ParamGroups => _groups;
            public override IEnumerable<Parameter> parameters() => _groups.SelectMany(group => group.Parameters);

            public override torch.Tensor? step(Func<torch.Tensor>? closure = null)
            {
                torch.Tensor? loss = null;
                if (closure is not null)
                    using (torch.enable_grad())
                        loss = closure();
                using IDisposable _ = torch.no_grad();
                using DisposeScope scope = torch.NewDisposeScope();
                foreach (ParamGroup group in _groups)
                    foreach (Parameter parameter in group.Parameters)
                        if (parameter.grad is { } grad)
                            Step(group, parameter, group.Options.maximize == true ? -grad : grad);
                return loss;
            }

            private void Step(ParamGroup group, Parameter parameter, torch.Tensor grad)
            {
                Options options = group.Options;
                double beta1 = options.beta1!.Value, beta2 = options.beta2!.Value, lr = group.LearningRate;
                if (!_states.TryGetValue(parameter, out State? state))
                    _states.Add(parameter, state = new State(parameter, options.amsgrad == true));
                state.step++;
                double correction1 = 1 - Math.Pow(beta1, state.step), correction2 = 1 - Math.Pow(beta2, state.step);
                parameter.mul_(1 - lr * options.weight_decay!.Value);
                state.exp_avg.mul_(beta1).add_(grad, 1 - beta1);
                state.exp_avg_sq.mul_(beta2).addcmul_(grad, grad, 1 - beta2);
                torch.Tensor second = state.exp_avg_sq;
                if (state.max_exp_avg_sq is { } peak)
                    second = peak.copy_(peak.maximum(second));
                torch.Tensor denominator = second.sqrt().div_(Math.Sqrt(correction2)).add_(options.eps!.Value);
                parameter.addcdiv_(state.exp_avg, denominator, -lr / correction1);
            }

            protected override void Dispose(bool disposing)
            {
                if (!disposing)
                    return;
                foreach (State state in _states.Values)
                    state.Dispose();
                _states.Clear();
            }

            /// <summary>What one parameter remembers between steps.</summary>
            public sealed class State : IDisposable
            {
                public long step;
                public torch.Tensor exp_avg;
                public torch.Tensor exp_avg_sq;
                public torch.Tensor? max_exp_avg_sq;

                internal State(Parameter parameter, bool amsgrad)
                {
                    exp_avg = parameter.zeros_like().DetachFromDisposeScope();
                    exp_avg_sq = parameter.zeros_like().DetachFromDisposeScope();
                    max_exp_avg_sq = amsgrad ? parameter.zeros_like().DetachFromDisposeScope() : null;
                }

                public void Dispose()
                {
                    exp_avg.Dispose();
                    exp_avg_sq.Dispose();
                    max_exp_avg_sq?.Dispose();
                }
            }

            public class Options
            {
                public double? beta1;
                public double? beta2;
                public double? weight_decay;
                public double? eps;
                public bool? amsgrad;
                public bool? maximize;
            }

            /// <summary>Parameters trained alike by <see cref="AdamW"/>.</summary>
            public class ParamGroup : Modules.ParamGroup
            {
                public ParamGroup(
                    IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
                    double weight_decay = 0, bool amsgrad = false, bool maximize = false)
                {
                    Parameters = parameters;
                    LearningRate = InitialLearningRate = lr;
                    Options = new Options
                    {
                        beta1 = beta1,
                        beta2 = beta2,
                        eps = eps,
                        weight_decay = weight_decay,
                        amsgrad = amsgrad,
                        maximize = maximize,
                    };
                }

                public Options Options { get; }
            }
        }
    }

    public static partial class torch
    {
        public static partial class optim
        {
            /// <summary>Where a schedule sets the learning rate.</summary>
            public interface ILearningRateController
            {
                double LearningRate { get; set; }
                double InitialLearningRate { get; set; }
            }

            /// <summary>Changes parameters by their gradients.</summary>
            public abstract class Optimizer : IDisposable
            {
                public abstract IEnumerable<ILearningRateController> ParamGroups { get; }
                public abstract IEnumerable<Parameter> parameters();
                public abstract Tensor? step(Func<Tensor>? closure = null);

                public virtual void zero_grad()
                {
                    foreach (Parameter parameter in parameters())
                    {
                        using Tensor? grad = parameter.grad;
                        grad?.zero_();
                    }
                }

                public void Dispose()
                {
                    Dispose(true);
                    GC.SuppressFinalize(this);
                }

                protected virtual void Dispose(bool disposing)
                {
                }
            }

            public static AdamW AdamW(
                IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
                double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new(parameters, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);

            public static AdamW AdamW(
                IEnumerable<AdamW.ParamGroup> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
                double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new(parameters, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);
        }
    }
}
