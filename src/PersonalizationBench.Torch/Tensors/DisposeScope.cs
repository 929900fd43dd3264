using System.Runtime.CompilerServices;

namespace TorchSharp;

/// <summary>
/// Owns the tensors made on its thread while it is the innermost scope, and disposes them with itself.
/// It belongs to its thread: no await inside.
/// </summary>
public sealed class DisposeScope : IDisposable
{
    [ThreadStatic] private static DisposeScope? t_current;

    private readonly HashSet<IDisposable> _owned = new(ReferenceEqualityComparer.Instance);
    private readonly DisposeScope? _outer;
    private bool _disposed;

    internal DisposeScope()
    {
        _outer = t_current;
        t_current = this;
    }

    internal static DisposeScope? Current => t_current;

    public int DisposablesCount => _owned.Count;
    public IReadOnlyList<IDisposable> DisposablesView => [.. _owned];
    public bool Contains(IDisposable disposable) => _owned.Contains(disposable);

    public T MoveToOuter<T>(T disposable) where T : IDisposable => MoveToOther(Outer(), disposable);

    public (T1 first, T2 second) MoveToOuter<T1, T2>(T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable =>
        (MoveToOuter(first), MoveToOuter(second));

    public (T1 first, T2 second, T3 third) MoveToOuter<T1, T2, T3>(T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable =>
        (MoveToOuter(first), MoveToOuter(second), MoveToOuter(third));

    public void MoveToOuter(params IDisposable[] disposables)
    {
        foreach (IDisposable disposable in disposables)
            MoveToOuter<IDisposable>(disposable);
    }

    public void MoveToOuter(IEnumerable<IDisposable> disposables) => MoveToOuter(disposables.ToArray());

    public T MoveToOther<T>(DisposeScope? scope, T disposable) where T : IDisposable
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_owned.Remove(disposable))
        {
            SetOwner(disposable, null);
            scope?.Add(disposable);
        }
        return disposable;
    }

    public T Detach<T>(T disposable) where T : IDisposable => MoveToOther(null, disposable);

    public (T1 first, T2 second) Detach<T1, T2>(T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable =>
        (Detach(first), Detach(second));

    public (T1 first, T2 second, T3 third) Detach<T1, T2, T3>(T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable =>
        (Detach(first), Detach(second), Detach(third));

    public void Detach(params IDisposable[] disposables)
    {
        foreach (IDisposable disposable in disposables)
            Detach<IDisposable>(disposable);
    }

    public void Detach(IEnumerable<IDisposable> disposables) => Detach(disposables.ToArray());

    public void Attach(IDisposable disposable)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (disposable is torch.Tensor { OwningDisposeScope: { } owner })
            owner.MoveToOther(this, disposable);
        else
            Add(disposable);
    }

    public void Attach(params IDisposable[] disposables)
    {
        foreach (IDisposable disposable in disposables)
            Attach(disposable);
    }

    public void DisposeEverything() => DisposeEverythingBut([]);

    public void DisposeEverythingBut(IEnumerable<IDisposable> inKeep)
    {
        var keep = inKeep.ToHashSet<IDisposable>(ReferenceEqualityComparer.Instance);
        IDisposable[] all = [.. _owned];
        _owned.RemoveWhere(disposable => !keep.Contains(disposable));
        foreach (IDisposable disposable in all)
        {
            if (keep.Contains(disposable))
                continue;
            SetOwner(disposable, null);
            disposable.Dispose();
        }
    }

    public void DisposeEverythingBut(params IDisposable[] keep) => DisposeEverythingBut((IEnumerable<IDisposable>)keep);

    public T DisposeEverythingBut<T>(T keep) where T : IDisposable
    {
        DisposeEverythingBut([keep]);
        return keep;
    }

    public void MarkAsDisposed(IDisposable disposable)
    {
        _owned.Remove(disposable);
        SetOwner(disposable, null);
    }

    public void Dispose()
    {
        if (_disposed)
            return;
        foreach (IDisposable disposable in _owned)
        {
            SetOwner(disposable, null);
            disposable.Dispose();
        }
        _owned.Clear();
        _disposed = true;
        // A scope inside that was left open goes with this one.
        for (DisposeScope? scope = t_current; scope is not null; scope = scope._outer)
            if (ReferenceEquals(scope, this))
            {
                t_current = Outer();
                break;
            }
    }

    internal void Add(IDisposable disposable)
    {
        _owned.Add(disposable);
        SetOwner(disposable, this);
    }

    internal void Forget(torch.Tensor tensor)
    {
        _owned.Remove(tensor);
        tensor.OwningDisposeScope = null;
    }

    /// <summary>The second takes the first's place.</summary>
    internal static void Replace(torch.Tensor original, torch.Tensor replacement)
    {
        DisposeScope? scope = original.OwningDisposeScope;
        scope?.Forget(original);
        scope?.Add(replacement);
    }

    private DisposeScope? Outer()
    {
        DisposeScope? scope = _outer;
        while (scope is { _disposed: true })
            scope = scope._outer;
        return scope;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SetOwner(IDisposable disposable, DisposeScope? scope)
    {
        if (disposable is torch.Tensor tensor)
            tensor.OwningDisposeScope = scope;
    }
}

public static partial class torch
{
    /// <summary>Opens a scope that disposes the tensors made in it.</summary>
    public static DisposeScope NewDisposeScope() => new();

    /// <summary>Disposes the tensors of an expression but its result, which goes to the scope around.</summary>
    public static Tensor WrappedTensorDisposeScope(Func<Tensor> expr)
    {
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(expr());
    }
}
