using PersonalizationBench.Torch.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public static Tensor operator +(Tensor left, Tensor right) => left.add(right);
        public static Tensor operator +(Tensor left, Scalar right) => left.add(right);
        public static Tensor operator +(Scalar left, Tensor right) => right.add(left);
        public static Tensor operator +(Tensor left, int right) => left.add((Scalar)right);
        public static Tensor operator +(Tensor left, long right) => left.add((Scalar)right);
        public static Tensor operator +(Tensor left, float right) => left.add((Scalar)right);
        public static Tensor operator +(Tensor left, double right) => left.add((Scalar)right);
        public static Tensor operator +(int left, Tensor right) => right.add((Scalar)left);
        public static Tensor operator +(long left, Tensor right) => right.add((Scalar)left);
        public static Tensor operator +(float left, Tensor right) => right.add((Scalar)left);
        public static Tensor operator +(double left, Tensor right) => right.add((Scalar)left);

        public static Tensor operator -(Tensor left, Tensor right) => left.sub(right);
        public static Tensor operator -(Tensor left, Scalar right) => left.sub(right);
        public static Tensor operator -(Scalar left, Tensor right) => right.rsub(left);
        public static Tensor operator -(Tensor left, int right) => left.sub((Scalar)right);
        public static Tensor operator -(Tensor left, long right) => left.sub((Scalar)right);
        public static Tensor operator -(Tensor left, float right) => left.sub((Scalar)right);
        public static Tensor operator -(Tensor left, double right) => left.sub((Scalar)right);
        public static Tensor operator -(int left, Tensor right) => right.rsub((Scalar)left);
        public static Tensor operator -(long left, Tensor right) => right.rsub((Scalar)left);
        public static Tensor operator -(float left, Tensor right) => right.rsub((Scalar)left);
        public static Tensor operator -(double left, Tensor right) => right.rsub((Scalar)left);

        public static Tensor operator *(Tensor left, Tensor right) => left.mul(right);
        public static Tensor operator *(Tensor left, Scalar right) => left.mul(right);
        public static Tensor operator *(Scalar left, Tensor right) => right.mul(left);
        public static Tensor operator *(Tensor left, int right) => left.mul((Scalar)right);
        public static Tensor operator *(Tensor left, long right) => left.mul((Scalar)right);
        public static Tensor operator *(Tensor left, float right) => left.mul((Scalar)right);
        public static Tensor operator *(Tensor left, double right) => left.mul((Scalar)right);
        public static Tensor operator *(int left, Tensor right) => right.mul((Scalar)left);
        public static Tensor operator *(long left, Tensor right) => right.mul((Scalar)left);
        public static Tensor operator *(float left, Tensor right) => right.mul((Scalar)left);
        public static Tensor operator *(double left, Tensor right) => right.mul((Scalar)left);

        public static Tensor operator /(Tensor left, Tensor right) => left.div(right);
        public static Tensor operator /(Tensor left, Scalar right) => left.div(right);
        public static Tensor operator /(Scalar left, Tensor right) => right.reciprocal_of(left);
        public static Tensor operator /(Tensor left, int right) => left.div((Scalar)right);
        public static Tensor operator /(Tensor left, long right) => left.div((Scalar)right);
        public static Tensor operator /(Tensor left, float right) => left.div((Scalar)right);
        public static Tensor operator /(Tensor left, double right) => left.div((Scalar)right);
        public static Tensor operator /(int left, Tensor right) => right.reciprocal_of((Scalar)left);
        public static Tensor operator /(long left, Tensor right) => right.reciprocal_of((Scalar)left);
        public static Tensor operator /(float left, Tensor right) => right.reciprocal_of((Scalar)left);
        public static Tensor operator /(double left, Tensor right) => right.reciprocal_of((Scalar)left);

        public static Tensor operator -(Tensor tensor) => tensor.neg();
        public static Tensor operator %(Tensor left, Tensor right) => left.remainder(right);
        public static Tensor operator %(Tensor left, Scalar right) => left.remainder(right);
        public static Tensor operator %(Tensor left, int right) => left.remainder((Scalar)right);
        public static Tensor operator %(Tensor left, long right) => left.remainder((Scalar)right);
        public static Tensor operator %(Tensor left, float right) => left.remainder((Scalar)right);
        public static Tensor operator %(Tensor left, double right) => left.remainder((Scalar)right);
        public static Tensor operator &(Tensor left, Tensor right) => left.bitwise_and(right);
        public static Tensor operator |(Tensor left, Tensor right) => left.bitwise_or(right);
        public static Tensor operator ^(Tensor left, Tensor right) => left.bitwise_xor(right);
        public static Tensor operator ~(Tensor left) => left.bitwise_not();

        // Elementwise, as in TorchSharp: ask for null with `is null`.
        public static Tensor operator ==(Tensor left, Tensor right) => left.eq(right);
        public static Tensor operator ==(Tensor left, Scalar right) => left.eq(right);
        public static Tensor operator ==(Scalar left, Tensor right) => right.eq(left);
        public static Tensor operator !=(Tensor left, Tensor right) => left.ne(right);
        public static Tensor operator !=(Tensor left, Scalar right) => left.ne(right);
        public static Tensor operator !=(Scalar left, Tensor right) => right.ne(left);
        public static Tensor operator <(Tensor left, Tensor right) => left.lt(right);
        public static Tensor operator <(Tensor left, Scalar right) => left.lt(right);
        public static Tensor operator <(Scalar left, Tensor right) => right.gt(left);
        public static Tensor operator <=(Tensor left, Tensor right) => left.le(right);
        public static Tensor operator <=(Tensor left, Scalar right) => left.le(right);
        public static Tensor operator <=(Scalar left, Tensor right) => right.ge(left);
        public static Tensor operator >(Tensor left, Tensor right) => left.gt(right);
        public static Tensor operator >(Tensor left, Scalar right) => left.gt(right);
        public static Tensor operator >(Scalar left, Tensor right) => right.lt(left);
        public static Tensor operator >=(Tensor left, Tensor right) => left.ge(right);
        public static Tensor operator >=(Tensor left, Scalar right) => left.ge(right);
        public static Tensor operator >=(Scalar left, Tensor right) => right.le(left);

        public static explicit operator bool(Tensor value) => value.ToBoolean();
        public static explicit operator byte(Tensor value) => value.ToByte();
        public static explicit operator short(Tensor value) => value.ToInt16();
        public static explicit operator int(Tensor value) => value.ToInt32();
        public static explicit operator long(Tensor value) => value.ToInt64();
        public static explicit operator float(Tensor value) => value.ToSingle();
        public static explicit operator double(Tensor value) => value.ToDouble();

        private double Number()
        {
            using Tensor wide = to(ScalarType.Float64);
            return wide.item<double>();
        }

        private long Whole()
        {
            using Tensor wide = to(ScalarType.Int64);
            return wide.item<long>();
        }

        public bool ToBoolean() => Whole() != 0;
        public byte ToByte() => (byte)Whole();
        public short ToInt16() => (short)Whole();
        public int ToInt32() => (int)Whole();
        public long ToInt64() => Whole();
        public float ToSingle() => (float)Number();
        public double ToDouble() => Number();

        private Tensor rsub(Scalar other) => Op.Call("aten::rsub.Scalar", this, other);

        private Tensor reciprocal_of(Scalar numerator)
        {
            using Tensor inverse = reciprocal();
            return inverse.mul(numerator);
        }
    }
}
