using PersonalizationBench.Torch.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>How a quotient becomes whole.</summary>
    public enum RoundingMode
    {
        None,
        trunc,
        floor,
    }

    public partial class Tensor
    {
        // An in-place operator answers this very object, not a second handle of it.
        private Tensor Self(string op)
        {
            Op.CallVoid(op, this);
            return this;
        }

        private Tensor Self(string op, Arg first)
        {
            Op.CallVoid(op, this, first);
            return this;
        }

        private Tensor Self(string op, Arg first, Arg second)
        {
            Op.CallVoid(op, this, first, second);
            return this;
        }

        private Tensor Self(string op, Arg first, Arg second, Arg third)
        {
            Op.CallVoid(op, this, first, second, third);
            return this;
        }

        public Tensor abs() => Op.Call("aten::abs", this);
        public Tensor ceil() => Op.Call("aten::ceil", this);
        public Tensor cos() => Op.Call("aten::cos", this);
        public Tensor cosh() => Op.Call("aten::cosh", this);
        public Tensor erf() => Op.Call("aten::erf", this);
        public Tensor exp() => Op.Call("aten::exp", this);
        public Tensor expm1() => Op.Call("aten::expm1", this);
        public Tensor floor() => Op.Call("aten::floor", this);
        public Tensor log() => Op.Call("aten::log", this);
        public Tensor log10() => Op.Call("aten::log10", this);
        public Tensor log1p() => Op.Call("aten::log1p", this);
        public Tensor log2() => Op.Call("aten::log2", this);
        public Tensor neg() => Op.Call("aten::neg", this);
        public Tensor reciprocal() => Op.Call("aten::reciprocal", this);
        public Tensor rsqrt() => Op.Call("aten::rsqrt", this);
        public Tensor sigmoid() => Op.Call("aten::sigmoid", this);
        public Tensor sign() => Op.Call("aten::sign", this);
        public Tensor sin() => Op.Call("aten::sin", this);
        public Tensor sinh() => Op.Call("aten::sinh", this);
        public Tensor sqrt() => Op.Call("aten::sqrt", this);
        public Tensor tan() => Op.Call("aten::tan", this);
        public Tensor tanh() => Op.Call("aten::tanh", this);
        public Tensor trunc() => Op.Call("aten::trunc", this);
        public Tensor relu() => Op.Call("aten::relu", this);
        public Tensor square() => Op.Call("aten::square", this);
        public Tensor logical_not() => Op.Call("aten::logical_not", this);
        public Tensor bitwise_not() => Op.Call("aten::bitwise_not", this);
        public Tensor isnan() => Op.Call("aten::isnan", this);
        public Tensor isinf() => Op.Call("aten::isinf", this);
        public Tensor isfinite() => Op.Call("aten::isfinite", this);
        public Tensor silu() => Op.Call("aten::silu", this);
        public Tensor acos() => Op.Call("aten::acos", this);
        public Tensor asin() => Op.Call("aten::asin", this);
        public Tensor atan() => Op.Call("aten::atan", this);
        public Tensor round(long decimals = 0L) => Op.Call("aten::round.decimals", this, decimals);
        public Tensor gelu() => Op.Call("aten::gelu", this);
        public Tensor softplus(double beta = 1, double threshold = 20) => Op.Call("aten::softplus", this, beta, threshold);

        public Tensor abs_() => Self("aten::abs_");
        public Tensor ceil_() => Self("aten::ceil_");
        public Tensor cos_() => Self("aten::cos_");
        public Tensor exp_() => Self("aten::exp_");
        public Tensor floor_() => Self("aten::floor_");
        public Tensor log_() => Self("aten::log_");
        public Tensor neg_() => Self("aten::neg_");
        public Tensor reciprocal_() => Self("aten::reciprocal_");
        public Tensor rsqrt_() => Self("aten::rsqrt_");
        public Tensor sigmoid_() => Self("aten::sigmoid_");
        public Tensor sin_() => Self("aten::sin_");
        public Tensor sqrt_() => Self("aten::sqrt_");
        public Tensor tanh_() => Self("aten::tanh_");
        public Tensor relu_() => Self("aten::relu_");
        public Tensor zero_() => Self("aten::zero_");

        public Tensor add(Tensor target) => Op.Call("aten::add.Tensor", this, target);
        public Tensor add(Scalar scalar) => Op.Call("aten::add.Scalar", this, scalar);
        public Tensor add(Tensor target, Scalar alpha) => Op.Call("aten::add.Tensor", this, target, alpha);
        public Tensor add(Scalar scalar, Scalar alpha) => Op.Call("aten::add.Scalar", this, scalar, alpha);
        public Tensor add_(Tensor target) => Self("aten::add_.Tensor", target);
        public Tensor add_(Scalar scalar) => Self("aten::add_.Scalar", scalar);
        public Tensor add_(Tensor target, Scalar alpha) => Self("aten::add_.Tensor", target, alpha);
        public Tensor add_(Scalar scalar, Scalar alpha) => Self("aten::add_.Scalar", scalar, alpha);
        public Tensor sub(Tensor target) => Op.Call("aten::sub.Tensor", this, target);
        public Tensor sub(Scalar target) => Op.Call("aten::sub.Scalar", this, target);
        public Tensor sub_(Tensor target) => Self("aten::sub_.Tensor", target);
        public Tensor sub_(Scalar target) => Self("aten::sub_.Scalar", target);
        public Tensor subtract(Tensor target) => sub(target);
        public Tensor subtract(Scalar target) => sub(target);
        public Tensor mul(Tensor target) => Op.Call("aten::mul.Tensor", this, target);
        public Tensor mul(Scalar target) => Op.Call("aten::mul.Scalar", this, target);
        public Tensor mul_(Tensor target) => Self("aten::mul_.Tensor", target);
        public Tensor mul_(Scalar target) => Self("aten::mul_.Scalar", target);
        public Tensor multiply(Tensor target) => mul(target);
        public Tensor multiply(Scalar target) => mul(target);
        public Tensor div(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => Op.Call("aten::div.Tensor_mode", this, target, Mode(rounding_mode));
        public Tensor div_(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => Self("aten::div_.Tensor_mode", target, Mode(rounding_mode));
        public Tensor div(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => Op.Call("aten::div.Scalar_mode", this, target, Mode(rounding_mode));
        public Tensor div_(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => Self("aten::div_.Scalar_mode", target, Mode(rounding_mode));

        private static string? Mode(RoundingMode mode) => mode == RoundingMode.None ? null : mode.ToString();

        public Tensor floor_divide(Tensor other) => Op.Call("aten::floor_divide", this, other);
        public Tensor floor_divide(Scalar other) => Op.Call("aten::floor_divide.Scalar", this, other);
        public Tensor remainder(Tensor target) => Op.Call("aten::remainder.Tensor", this, target);
        public Tensor remainder(Scalar scalar) => Op.Call("aten::remainder.Scalar", this, scalar);
        public Tensor fmod(Tensor target) => Op.Call("aten::fmod.Tensor", this, target);
        public Tensor fmod(Scalar scalar) => Op.Call("aten::fmod.Scalar", this, scalar);
        public Tensor pow(Tensor exponent) => Op.Call("aten::pow.Tensor_Tensor", this, exponent);
        public Tensor pow(Scalar exponent) => Op.Call("aten::pow.Tensor_Scalar", this, exponent);
        public Tensor pow_(Tensor exponent) => Self("aten::pow_.Tensor", exponent);
        public Tensor pow_(Scalar exponent) => Self("aten::pow_.Scalar", exponent);

        public Tensor addcmul(Tensor tensor1, Tensor tensor2, Scalar value) => Op.Call("aten::addcmul", this, tensor1, tensor2, value);
        public Tensor addcmul_(Tensor tensor1, Tensor tensor2, Scalar value) => Self("aten::addcmul_", tensor1, tensor2, value);
        public Tensor addcdiv(Tensor tensor1, Tensor tensor2) => Op.Call("aten::addcdiv", this, tensor1, tensor2);
        public Tensor addcdiv(Tensor tensor1, Tensor tensor2, Scalar value) => Op.Call("aten::addcdiv", this, tensor1, tensor2, value);
        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2) => Self("aten::addcdiv_", tensor1, tensor2);
        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2, Scalar value) => Self("aten::addcdiv_", tensor1, tensor2, value);
        public Tensor lerp(Tensor end, Tensor weight) => Op.Call("aten::lerp.Tensor", this, end, weight);
        public Tensor lerp_(Tensor end, Tensor weight) => Self("aten::lerp_.Tensor", end, weight);

        public Tensor clamp(Scalar? min = null, Scalar? max = null) => Op.Call("aten::clamp", this, min, max);
        public Tensor clamp(Tensor? min = null, Tensor? max = null) => Op.Call("aten::clamp.Tensor", this, min, max);
        public Tensor clamp_(Scalar? min = null, Scalar? max = null) => Self("aten::clamp_", min, max);
        public Tensor clamp_(Tensor? min = null, Tensor? max = null) => Self("aten::clamp_.Tensor", min, max);
        public Tensor clip(Scalar? min = null, Scalar? max = null) => clamp(min, max);
        public Tensor clamp_max(Scalar max) => Op.Call("aten::clamp_max", this, max);
        public Tensor clamp_min(Scalar min) => Op.Call("aten::clamp_min", this, min);
        public Tensor nan_to_num(double nan = 0d, double? posinf = null, double? neginf = null) => Op.Call("aten::nan_to_num", this, nan, posinf, neginf);

        public Tensor eq(Tensor target) => Op.Call("aten::eq.Tensor", this, target);
        public Tensor eq(Scalar target) => Op.Call("aten::eq.Scalar", this, target);
        public Tensor ne(Tensor target) => Op.Call("aten::ne.Tensor", this, target);
        public Tensor ne(Scalar target) => Op.Call("aten::ne.Scalar", this, target);
        public Tensor lt(Tensor target) => Op.Call("aten::lt.Tensor", this, target);
        public Tensor lt(Scalar target) => Op.Call("aten::lt.Scalar", this, target);
        public Tensor le(Tensor target) => Op.Call("aten::le.Tensor", this, target);
        public Tensor le(Scalar target) => Op.Call("aten::le.Scalar", this, target);
        public Tensor gt(Tensor target) => Op.Call("aten::gt.Tensor", this, target);
        public Tensor gt(Scalar target) => Op.Call("aten::gt.Scalar", this, target);
        public Tensor ge(Tensor target) => Op.Call("aten::ge.Tensor", this, target);
        public Tensor ge(Scalar target) => Op.Call("aten::ge.Scalar", this, target);
        public Tensor not_equal(Tensor target) => ne(target);
        public Tensor less(Tensor target) => lt(target);
        public Tensor less_equal(Tensor target) => le(target);
        public Tensor greater(Tensor target) => gt(target);
        public Tensor greater_equal(Tensor target) => ge(target);

        public Tensor logical_and(Tensor other) => Op.Call("aten::logical_and", this, other);
        public Tensor logical_or(Tensor other) => Op.Call("aten::logical_or", this, other);
        public Tensor logical_xor(Tensor other) => Op.Call("aten::logical_xor", this, other);
        public Tensor maximum(Tensor other) => Op.Call("aten::maximum", this, other);
        public Tensor minimum(Tensor other) => Op.Call("aten::minimum", this, other);
        public Tensor bitwise_and(Tensor other) => Op.Call("aten::bitwise_and.Tensor", this, other);
        public Tensor bitwise_or(Tensor other) => Op.Call("aten::bitwise_or.Tensor", this, other);
        public Tensor bitwise_xor(Tensor other) => Op.Call("aten::bitwise_xor.Tensor", this, other);
        public Tensor max(Tensor other) => maximum(other);
        public Tensor min(Tensor other) => minimum(other);

        /// <summary>This where the condition holds, else y.</summary>
        public Tensor where(Tensor condition, Tensor y) => Op.Call("aten::where.self", condition, this, y);
        public Tensor masked_fill(Tensor mask, Scalar value) => Op.Call("aten::masked_fill.Scalar", this, mask, value);
        public Tensor masked_fill_(Tensor mask, Scalar value) => Self("aten::masked_fill_.Scalar", mask, value);
        public Tensor fill_(Scalar value) => Self("aten::fill_.Scalar", value);
        public Tensor copy_(Tensor source, bool nonBlocking = false) => Self("aten::copy_", source, nonBlocking);

        public Tensor equal(Tensor target) => eq(target);
        public bool allclose(Tensor target, double rtol = 1e-05, double atol = 1e-08, bool equal_nan = false) =>
            Op.CallBool("aten::allclose", this, target, rtol, atol, equal_nan);
    }
}
