using PersonalizationBench.Torch.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>One part of an index expression: a number, a slice, a tensor of indices or a mask, an ellipsis or a new axis.</summary>
    public struct TensorIndex
    {
        internal enum Kind
        {
            None, Single, Null, Bool, Tensor, Slice, Ellipsis,
        }

        internal Kind kind;
        internal long? start;
        internal long? stop;
        internal long? step;
        internal Tensor? tensor;

        public static TensorIndex Slice(long? start = null, long? stop = null, long? step = null) =>
            new() { kind = Kind.Slice, start = start, stop = stop, step = step };

        public static TensorIndex Slice((int? start, int? end) range) => Slice(range.start, range.end);

        public static TensorIndex Slice(Range range) =>
            Slice(At(range.Start), range.End.IsFromEnd && range.End.Value == 0 ? null : At(range.End));

        public static TensorIndex Bool(bool value) => new() { kind = Kind.Bool, start = value ? 1 : 0 };
        public static TensorIndex Single(long? index) => new() { kind = Kind.Single, start = index };
        public static TensorIndex Tensor(Tensor tensor) => new() { kind = Kind.Tensor, tensor = tensor };

        public static readonly TensorIndex Ellipsis = new() { kind = Kind.Ellipsis };
        public static readonly TensorIndex None = new() { kind = Kind.None };
        public static readonly TensorIndex Null = new() { kind = Kind.Null };
        public static readonly TensorIndex Colon = Slice();

        public static implicit operator TensorIndex(long value) => Single(value);
        public static implicit operator TensorIndex((int? start, int? end) range) => Slice(range);
        public static implicit operator TensorIndex(Range range) => Slice(range);
        public static implicit operator TensorIndex(Index index) => Single(At(index));

        private static long At(Index index) => index.IsFromEnd ? -index.Value : index.Value;
    }

    public partial class Tensor
    {
        public Tensor this[params TensorIndex[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        public Tensor this[params Tensor[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        public Tensor this[long i1]
        {
            get => this[[TensorIndex.Single(i1)]];
            set => this[[TensorIndex.Single(i1)]] = value;
        }

        public Tensor this[long i1, long i2]
        {
            get => this[[TensorIndex.Single(i1), TensorIndex.Single(i2)]];
            set => this[[TensorIndex.Single(i1), TensorIndex.Single(i2)]] = value;
        }

        public Tensor this[long i1, long i2, long i3]
        {
            get => this[[TensorIndex.Single(i1), TensorIndex.Single(i2), TensorIndex.Single(i3)]];
            set => this[[TensorIndex.Single(i1), TensorIndex.Single(i2), TensorIndex.Single(i3)]] = value;
        }

        public Tensor this[long i1, long i2, long i3, long i4]
        {
            get => this[[TensorIndex.Single(i1), TensorIndex.Single(i2), TensorIndex.Single(i3), TensorIndex.Single(i4)]];
            set => this[[TensorIndex.Single(i1), TensorIndex.Single(i2), TensorIndex.Single(i3), TensorIndex.Single(i4)]] = value;
        }

        /// <summary>A view where only numbers, slices and new axes occur; else a copy.</summary>
        public Tensor index(params TensorIndex[] indices)
        {
            (Tensor view, Tensor?[]? tensors) = View(indices);
            if (tensors is null)
                return view;
            using (view)
                return Op.Call("aten::index.Tensor", view, Arg.Optional(tensors));
        }

        public Tensor index(params Tensor[] indices) => Op.Call("aten::index.Tensor", this, Arg.Optional(indices));

        public Tensor index_put_(Tensor value, params TensorIndex[] indices) => index_put_(value, indices, false);

        public Tensor index_put_(Tensor value, TensorIndex[] indices, bool accumulate = false)
        {
            (Tensor view, Tensor?[]? tensors) = View(indices);
            using (view)
            {
                if (tensors is not null)
                    Op.CallVoid("aten::index_put_", view, Arg.Optional(tensors), value, accumulate);
                else if (accumulate)
                    Op.CallVoid("aten::add_.Tensor", view, value);
                else
                    Op.CallVoid("aten::copy_", view, value);
            }
            return this;
        }

        public Tensor index_put_(Tensor value, params Tensor[] indices) => index_put_(value, indices, false);

        public Tensor index_put_(Tensor value, Tensor[] indices, bool accumulate = false)
        {
            Op.CallVoid("aten::index_put_", this, Arg.Optional(indices), value, accumulate);
            return this;
        }

        public Tensor index_put_(Scalar value, params TensorIndex[] indices)
        {
            using Tensor number = Op.Call("aten::scalar_tensor", value, dtype, Arg.None, device);
            return index_put_(number, indices, false);
        }

        public Tensor index_put_(Scalar value, params Tensor[] indices)
        {
            using Tensor number = Op.Call("aten::scalar_tensor", value, dtype, Arg.None, device);
            return index_put_(number, indices, false);
        }

        // Applies what gives a view, part by part; what is left for aten::index has its tensors at their dimensions.
        private (Tensor View, Tensor?[]? Tensors) View(TensorIndex[] indices)
        {
            Tensor view = alias();
            var tensors = new List<Tensor?>();
            long at = 0;
            for (int i = 0; i < indices.Length; i++)
            {
                TensorIndex part = indices[i];
                Tensor next;
                switch (part.kind)
                {
                    case TensorIndex.Kind.Single:
                        next = Op.Call("aten::select.int", view, at, part.start ?? 0);
                        break;
                    case TensorIndex.Kind.Slice:
                        if (part.start is null && part.stop is null && part.step is null)
                        {
                            at++;
                            continue;
                        }
                        next = Op.Call("aten::slice.Tensor", view, at++, part.start, part.stop, part.step ?? 1);
                        break;
                    case TensorIndex.Kind.None or TensorIndex.Kind.Null:
                        next = Op.Call("aten::unsqueeze", view, at++);
                        break;
                    case TensorIndex.Kind.Ellipsis:
                        at = view.dim() - indices.Skip(i + 1).Sum(Taken);
                        continue;
                    case TensorIndex.Kind.Tensor:
                        while (tensors.Count < at)
                            tensors.Add(null);
                        tensors.Add(part.tensor);
                        at += Taken(part);
                        continue;
                    default:
                        throw new NotSupportedException($"indexing with {part.kind}");
                }
                view.Dispose();
                view = next;
            }
            return (view, tensors.Count == 0 ? null : tensors.ToArray());
        }

        // How many dimensions of the tensor one part uses up.
        private static long Taken(TensorIndex part) => part.kind switch
        {
            TensorIndex.Kind.None or TensorIndex.Kind.Null => 0,
            TensorIndex.Kind.Tensor when part.tensor!.dtype == ScalarType.Bool => part.tensor.dim(),
            _ => 1,
        };
    }
}
