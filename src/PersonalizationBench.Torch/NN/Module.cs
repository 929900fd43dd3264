using System.Reflection;
using TorchSharp.Modules;
using TorchSharp.Utils;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>A tree of parameters, buffers and submodules, found in the fields of the derived class.</summary>
        public class Module : IDisposable
        {
            private readonly string _name;
            private readonly List<(string Name, Parameter Value)> _parameters = [];
            private readonly List<(string Name, Tensor Value, bool Persistent)> _buffers = [];
            private readonly List<(string name, Module module)> _modules = [];
            private bool _registered;
            private bool _training = true;

            protected Module(string name) => _name = name;

            public virtual string GetName() => _name;

            public virtual bool training => _training;

            /// <summary>Registers what the fields of the object hold; called at the end of the derived constructor.</summary>
            protected virtual void RegisterComponents()
            {
                if (_registered)
                    return;
                _registered = true;
                foreach (FieldInfo field in Fields())
                {
                    string component = ComponentName(field);
                    if (Taken(component))
                        continue;
                    switch (field.GetValue(this))
                    {
                        case Module module:
                            register_module(component, module);
                            break;
                        case Parameter parameter:
                            register_parameter(component, parameter);
                            break;
                        case Tensor tensor:
                            register_buffer(component, tensor);
                            break;
                    }
                }
            }

            public virtual void register_buffer(string name, Tensor tensor, bool persistent = true) => _buffers.Add((Free(name), tensor, persistent));

            public virtual void register_parameter(string name, Parameter param) => _parameters.Add((Free(name), param));

            public virtual void register_module(string name, Module submodule)
            {
                if (name.Length == 0 || name.Contains('.'))
                    throw new ArgumentException($"a module's name is not empty and has no dot: '{name}'");
                submodule.RegisterComponents();
                _modules.Add((Free(name), submodule));
            }

            public void add_module(string name, Module module) => register_module(name, module);

            public virtual IEnumerable<(string name, Module module)> named_children() => _modules;

            public virtual IEnumerable<Module> children() => _modules.Select(child => child.module);

            public virtual IEnumerable<(string name, Module module)> named_modules()
            {
                foreach ((string name, Module module) in _modules)
                {
                    yield return (name, module);
                    foreach ((string inner, Module below) in module.named_modules())
                        yield return ($"{name}.{inner}", below);
                }
            }

            public virtual IEnumerable<Module> modules() => named_modules().Select(named => named.module);

            /// <summary>Each parameter once, even where two modules share it.</summary>
            public virtual IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true)
            {
                var seen = new HashSet<Parameter>(ReferenceEqualityComparer.Instance);
                foreach ((string name, Parameter value) in _parameters)
                    if (seen.Add(value))
                        yield return (name, value);
                if (!recurse)
                    yield break;
                foreach ((string name, Module module) in _modules)
                    foreach ((string inner, Parameter value) in module.named_parameters())
                        if (seen.Add(value))
                            yield return ($"{name}.{inner}", value);
            }

            public virtual IEnumerable<Parameter> parameters(bool recurse = true) => named_parameters(recurse).Select(named => named.parameter);

            public virtual IEnumerable<(string name, Tensor buffer)> named_buffers(bool recurse = true, bool include_nonpersistent = true)
            {
                foreach ((string name, Tensor value, bool persistent) in _buffers)
                    if (persistent || include_nonpersistent)
                        yield return (name, value);
                if (!recurse)
                    yield break;
                foreach ((string name, Module module) in _modules)
                    foreach ((string inner, Tensor value) in module.named_buffers(true, include_nonpersistent))
                        yield return ($"{name}.{inner}", value);
            }

            public virtual IEnumerable<Tensor> buffers(bool recurse = true, bool include_nonpersistent = true) =>
                named_buffers(recurse, include_nonpersistent).Select(named => named.buffer);

            public virtual bool has_parameter(string target) => get_parameter(target) is not null;
            public virtual bool has_buffer(string target) => get_buffer(target) is not null;
            public virtual Parameter? get_parameter(string target) => named_parameters().FirstOrDefault(named => named.name == target).parameter;
            public virtual Tensor? get_buffer(string target) => named_buffers().FirstOrDefault(named => named.name == target).buffer;

            public virtual Dictionary<string, Tensor> state_dict(Dictionary<string, Tensor>? destination = null, string? prefix = null)
            {
                destination ??= [];
                string before = string.IsNullOrEmpty(prefix) ? "" : prefix + ".";
                foreach ((string name, Parameter value) in named_parameters())
                    destination.TryAdd(before + name, value);
                foreach ((string name, Tensor value) in named_buffers(include_nonpersistent: false))
                    destination.TryAdd(before + name, value);
                return destination;
            }

            public virtual (IList<string> missing_keys, IList<string> unexpected_keyes) load_state_dict(
                Dictionary<string, Tensor> source, bool strict = true, IList<string>? skip = null)
            {
                skip ??= [];
                Dictionary<string, Tensor> own = state_dict();
                List<string> missing = [.. own.Keys.Where(key => !source.ContainsKey(key) && !skip.Contains(key))];
                List<string> unexpected = [.. source.Keys.Where(key => !own.ContainsKey(key) && !skip.Contains(key))];
                if (strict && missing.Count + unexpected.Count > 0)
                    throw new InvalidOperationException(
                        $"{GetName()}: missing [{string.Join(", ", missing)}], unexpected [{string.Join(", ", unexpected)}]");
                using IDisposable _ = no_grad();
                foreach ((string key, Tensor value) in source)
                    if (own.TryGetValue(key, out Tensor? to) && !skip.Contains(key))
                        to.copy_(value);
                return (missing, unexpected);
            }

            public virtual void train(bool train = true)
            {
                _training = train;
                foreach ((string _, Module module) in _modules)
                    module.train(train);
            }

            public virtual void eval() => train(false);

            public virtual void zero_grad(bool set_to_none = true)
            {
                foreach (Parameter parameter in parameters())
                {
                    using Tensor? grad = parameter.grad;
                    if (grad is null)
                        continue;
                    if (set_to_none)
                        parameter.grad = null;
                    else
                        grad.zero_();
                }
            }

            public virtual Module apply(Action<Module> fn)
            {
                foreach ((string _, Module module) in _modules)
                    module.apply(fn);
                fn(this);
                return this;
            }

            /// <summary>Moves and converts in place; only floating values are converted.</summary>
            protected internal virtual Module _to(Device? device, ScalarType? type, bool non_blocking)
            {
                using IDisposable _ = no_grad();
                for (int i = 0; i < _parameters.Count; i++)
                {
                    Parameter old = _parameters[i].Value;
                    if (Converted(old, device, type, non_blocking) is not { } data)
                        continue;
                    var fresh = new Parameter(data, old.requires_grad);
                    using (Tensor? grad = old.grad)
                    {
                        if (grad is not null)
                            using (Tensor? moved = Converted(grad, device, type, non_blocking))
                                fresh.grad = moved ?? grad;
                    }
                    _parameters[i] = (_parameters[i].Name, fresh);
                    Replace(old, fresh);
                }
                for (int i = 0; i < _buffers.Count; i++)
                {
                    Tensor old = _buffers[i].Value;
                    if (Converted(old, device, type, non_blocking) is not { } fresh)
                        continue;
                    _buffers[i] = (_buffers[i].Name, fresh, _buffers[i].Persistent);
                    Replace(old, fresh);
                }
                foreach ((string _, Module module) in _modules)
                    module._to(device, type, non_blocking);
                return this;
            }

            private static Tensor? Converted(Tensor value, Device? device, ScalarType? type, bool non_blocking)
            {
                ScalarType wanted = type is { } t && value.is_floating_point() ? t : value.dtype;
                Device place = device ?? value.device;
                bool there = wanted == value.dtype && place.type == value.device_type && (place.index < 0 || place.index == value.device_index);
                return there ? null : value.to(wanted, place, non_blocking: non_blocking).DetachFromDisposeScope();
            }

            private void Replace(Tensor old, Tensor fresh)
            {
                foreach (FieldInfo field in Fields())
                    if (ReferenceEquals(field.GetValue(this), old))
                        field.SetValue(this, fresh);
                old.Dispose();
            }

            public void Dispose()
            {
                Dispose(true);
                GC.SuppressFinalize(this);
            }

            protected virtual void Dispose(bool disposing)
            {
                if (!disposing)
                    return;
                foreach ((string _, Parameter value) in _parameters)
                    value.Dispose();
                foreach ((string _, Tensor value, bool _) in _buffers)
                    value.Dispose();
                foreach ((string _, Module module) in _modules)
                    module.Dispose();
            }

            private bool Taken(string name) =>
                _parameters.Exists(p => p.Name == name) || _buffers.Exists(b => b.Name == name) || _modules.Exists(m => m.name == name);

            private string Free(string name) => Taken(name) ? throw new InvalidOperationException($"{GetName()} has a '{name}' already") : name;

            private static string ComponentName(FieldInfo field) =>
                field.GetCustomAttribute<ComponentNameAttribute>()?.Name
                // The field behind a property carries the property's name.
                ?? (field.Name.StartsWith('<') ? field.Name[1..field.Name.IndexOf('>', StringComparison.Ordinal)] : field.Name);

            private IEnumerable<FieldInfo> Fields()
            {
                for (Type? type = GetType(); type is not null && type != typeof(Module); type = type.BaseType)
                    foreach (FieldInfo field in type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
                        yield return field;
            }
        }

        public abstract class Module<T, TResult>(string name) : Module(name)
        {
            public abstract TResult forward(T input);
            public TResult call(T input) => forward(input);
        }

        public abstract class Module<T1, T2, TResult>(string name) : Module(name)
        {
            public abstract TResult forward(T1 input1, T2 input2);
            public TResult call(T1 input1, T2 input2) => forward(input1, input2);
        }

        public abstract class Module<T1, T2, T3, TResult>(string name) : Module(name)
        {
            public abstract TResult forward(T1 input1, T2 input2, T3 input3);
            public TResult call(T1 input1, T2 input2, T3 input3) => forward(input1, input2, input3);
        }

        public abstract class Module<T1, T2, T3, T4, TResult>(string name) : Module(name)
        {
            public abstract TResult forward(T1 input1, T2 input2, T3 input3, T4 input4);
            public TResult call(T1 input1, T2 input2, T3 input3, T4 input4) => forward(input1, input2, input3, input4);
        }
    }
}

/// <summary>Moves and converts modules, answering the module under its own type.</summary>
public static class ModuleExtensionMethods
{
    public static T to<T>(this T module, torch.ScalarType type, bool non_blocking = false) where T : torch.nn.Module => (T)module._to(null, type, non_blocking);

    public static T to<T>(this T module, torch.Device device, bool non_blocking = false) where T : torch.nn.Module => (T)module._to(device, null, non_blocking);

    public static T to<T>(this T module, torch.Device device, torch.ScalarType type, bool non_blocking = false) where T : torch.nn.Module =>
        (T)module._to(device, type, non_blocking);

    public static T to<T>(this T module, string device, bool non_blocking = false) where T : torch.nn.Module =>
        (T)module._to(new torch.Device(device), null, non_blocking);

    public static T cpu<T>(this T module, bool non_blocking = false) where T : torch.nn.Module => (T)module._to(torch.CPU, null, non_blocking);

    public static T cuda<T>(this T module, int deviceIndex = -1, bool non_blocking = false) where T : torch.nn.Module =>
        (T)module._to(new torch.Device(DeviceType.CUDA, deviceIndex), null, non_blocking);

    public static T bfloat16<T>(this T module, bool non_blocking = false) where T : torch.nn.Module => module.to(torch.ScalarType.BFloat16, non_blocking);

    public static T half<T>(this T module, bool non_blocking = false) where T : torch.nn.Module => module.to(torch.ScalarType.Float16, non_blocking);

    public static T @float<T>(this T module, bool non_blocking = false) where T : torch.nn.Module => module.to(torch.ScalarType.Float32, non_blocking);
}
