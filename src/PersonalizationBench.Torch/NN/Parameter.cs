namespace TorchSharp
{
    namespace Modules
    {
        /// <summary>A tensor that a module trains. It takes over the tensor it is made of, which becomes as if disposed.</summary>
        public class Parameter : torch.Tensor
        {
            public Parameter(torch.Tensor data, bool requires_grad = true)
                : base(data.with_requires_grad(requires_grad).MoveHandle(), register: false) => DisposeScope.Replace(data, this);
        }
    }

    public static partial class torch
    {
        public static partial class nn
        {
            public static Modules.Parameter Parameter(Tensor data, bool requires_grad = true) => new(data, requires_grad);
        }
    }

    namespace Utils
    {
        /// <summary>The name under which a field's module, parameter or buffer is registered, where it is not the field's own.</summary>
        [AttributeUsage(AttributeTargets.Field)]
        public sealed class ComponentNameAttribute : Attribute
        {
            public string Name { get; set; } = "";
        }
    }
}
