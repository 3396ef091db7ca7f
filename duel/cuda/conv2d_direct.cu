// Convolution and its two transposes as matrix products whose factors are gathered from the pictures on the way, by the
// kernel of direct_product.cuh. A batch of the product is a group of channels; a row or column is a pixel or a channel.
#include "duel/cuda/direct.h"
#include "duel/cuda/direct_product.cuh"
#include "duel/tensor/functors.h"

namespace duel::cuda {
namespace {

using direct::Run;

// A batch of channels-last pictures.
template <class T>
struct Pictures {
  T* data;
  std::int64_t count, channels, height, width;

  __device__ T* picture(std::int64_t n) const { return data + n * height * width * channels; }
};

template <class T>
Pictures<const T> pictures(const Tensor& t) {
  return {t.data<T>(), t.size(0), t.size(1), t.size(2), t.size(3)};
}
template <class T>
Pictures<T> mutable_pictures(const Tensor& t) {
  return {t.mutable_data<T>(), t.size(0), t.size(1), t.size(2), t.size(3)};
}

// A number that counts pixels or kernel elements: `inner` of them fastest, then columns of `width`.
struct Split {
  std::int64_t inner, column, row;

  __device__ Split(std::int64_t number, std::int64_t inner_size, std::int64_t width)
      : inner(number % inner_size), column(number / inner_size % width), row(number / inner_size / width) {}
};

// What is done to a result on the way to memory.
template <class T>
struct Finish {
  const compute_t<T>* bias;
  compute_t<T> slope;

  explicit Finish(const Epilogue& e)
      : bias(e.bias.defined() ? e.bias.data<compute_t<T>>() : nullptr),
        slope(static_cast<compute_t<T>>(e.rectifier.slope)) {}
  __device__ T operator()(compute_t<T> v, std::int64_t channel) const {
    if (bias) v += bias[channel];
    if (slope == 0) return static_cast<T>(functors::relu::apply(v, slope, slope));
    return static_cast<T>(slope == 1 ? v : functors::leaky_relu::apply(v, slope, slope));
  }
};

// The kernel's elements of a group, seen from output channels: [O / groups, KH, KW, C / groups].
struct Kernel {
  std::int64_t outputs, height, width, inputs;

  explicit Kernel(const Tensor& w, std::int64_t groups)
      : outputs(w.size(0) / groups), height(w.size(2)), width(w.size(3)), inputs(w.size(1)) {}
};

// Row: an output pixel. Column: an output channel. k: kernel element, input channel.
template <class T>
struct ForwardOperands {
  using Element = T;
  static constexpr Run kRunA = Run::along_k, kRunB = Run::along_k;
  std::int64_t batches, m, n, k;
  Pictures<const T> x;
  const T* w;
  Pictures<T> y;
  Kernel kernel;
  Conv2dGeometry g;
  Finish<T> finish;

  struct Row {
    const T* picture;
    std::int64_t h, w;  // where the window begins
  };
  struct Step {
    std::int64_t h, w, channel;
  };
  __device__ Row row(std::int64_t group, std::int64_t pixel) const {
    const Split image(pixel, y.height * y.width, 1), at(image.inner, 1, y.width);
    return {x.picture(image.row) + group * kernel.inputs, at.row * g.stride.h - g.padding.h,
            at.column * g.stride.w - g.padding.w};
  }
  __device__ Step step_a(std::int64_t i) const {
    const Split at(i, kernel.inputs, kernel.width);
    return {at.row * g.dilation.h, at.column * g.dilation.w, at.inner};
  }
  __device__ compute_t<T> a(const Row& from, const Step& step) const {
    const std::int64_t ih = from.h + step.h, iw = from.w + step.w;
    if (ih < 0 || ih >= x.height || iw < 0 || iw >= x.width) return 0;
    return from.picture[(ih * x.width + iw) * x.channels + step.channel];
  }
  __device__ const T* column(std::int64_t group, std::int64_t output) const { return w + (group * n + output) * k; }
  __device__ std::int64_t step_b(std::int64_t i) const { return i; }
  __device__ compute_t<T> b(const T* from, std::int64_t i) const { return from[i]; }
  __device__ void store(std::int64_t group, std::int64_t pixel, std::int64_t output, compute_t<T> sum) const {
    const std::int64_t channel = group * n + output;
    y.data[pixel * y.channels + channel] = finish(sum, channel);
  }
};

// Row: an input pixel. Column: an input channel. k: kernel element, output channel.
template <class T>
struct InputGradOperands {
  using Element = T;
  static constexpr Run kRunA = Run::along_k, kRunB = Run::across_k;
  std::int64_t batches, m, n, k;
  Pictures<const T> dy;
  const T* w;
  Pictures<T> dx;
  Kernel kernel;
  Conv2dGeometry g;
  Finish<T> finish;

  struct Row {
    const T* picture;
    std::int64_t h, w;  // of the pixel, from the padded corner
  };
  struct Step {
    std::int64_t h, w, channel;
  };
  __device__ Row row(std::int64_t group, std::int64_t pixel) const {
    const Split image(pixel, dx.height * dx.width, 1), at(image.inner, 1, dx.width);
    return {dy.picture(image.row) + group * kernel.outputs, at.row + g.padding.h, at.column + g.padding.w};
  }
  __device__ Step step_a(std::int64_t i) const {
    const Split at(i, kernel.outputs, kernel.width);
    return {at.row * g.dilation.h, at.column * g.dilation.w, at.inner};
  }
  __device__ compute_t<T> a(const Row& from, const Step& step) const {
    const std::int64_t top = from.h - step.h, left = from.w - step.w;  // where an output's window begins, if it is one
    if (top < 0 || left < 0) return 0;
    const std::int64_t oh = top / g.stride.h, ow = left / g.stride.w;
    if (oh * g.stride.h != top || ow * g.stride.w != left || oh >= dy.height || ow >= dy.width) return 0;
    return from.picture[(oh * dy.width + ow) * dy.channels + step.channel];
  }
  __device__ const T* column(std::int64_t group, std::int64_t input) const {
    return w + group * kernel.outputs * kernel.height * kernel.width * n + input;
  }
  __device__ std::int64_t step_b(std::int64_t i) const {
    const std::int64_t output = i % kernel.outputs, element = i / kernel.outputs;
    return (output * kernel.height * kernel.width + element) * n;
  }
  __device__ compute_t<T> b(const T* from, std::int64_t step) const { return from[step]; }
  __device__ void store(std::int64_t group, std::int64_t pixel, std::int64_t input, compute_t<T> sum) const {
    const std::int64_t channel = group * n + input;
    dx.data[pixel * dx.channels + channel] = finish(sum, channel);
  }
};

// Row: an output channel. Column: kernel element, input channel. k: an output pixel.
template <class T>
struct WeightGradOperands {
  using Element = T;
  static constexpr Run kRunA = Run::across_k, kRunB = Run::across_k;
  std::int64_t batches, m, n, k;
  Pictures<const T> x, dy;
  T* dw;
  Kernel kernel;
  Conv2dGeometry g;

  struct Column {
    const T* data;
    std::int64_t h, w;  // of the kernel element, in the window
  };
  struct Step {
    std::int64_t image, h, w;  // where the pixel's window begins
  };
  __device__ const T* row(std::int64_t group, std::int64_t output) const { return dy.data + group * m + output; }
  __device__ std::int64_t step_a(std::int64_t pixel) const { return pixel * dy.channels; }
  __device__ compute_t<T> a(const T* from, std::int64_t step) const { return from[step]; }
  __device__ Column column(std::int64_t group, std::int64_t j) const {
    const Split at(j, kernel.inputs, kernel.width);
    return {x.data + group * kernel.inputs + at.inner, at.row * g.dilation.h - g.padding.h,
            at.column * g.dilation.w - g.padding.w};
  }
  __device__ Step step_b(std::int64_t pixel) const {
    const Split image(pixel, dy.height * dy.width, 1), at(image.inner, 1, dy.width);
    return {image.row, at.row * g.stride.h, at.column * g.stride.w};
  }
  __device__ compute_t<T> b(const Column& from, const Step& step) const {
    const std::int64_t ih = from.h + step.h, iw = from.w + step.w;
    if (ih < 0 || ih >= x.height || iw < 0 || iw >= x.width) return 0;
    return from.data[((step.image * x.height + ih) * x.width + iw) * x.channels];
  }
  __device__ void store(std::int64_t group, std::int64_t output, std::int64_t j, compute_t<T> sum) const {
    dw[(group * m + output) * n + j] = static_cast<T>(sum);
  }
};

}  // namespace

void conv2d_direct(const Tensor& x, const Tensor& w, const Tensor& y, const Conv2dGeometry& g, const Epilogue& e) {
  if (y.numel() == 0) return;
  dispatch_computed("conv2d", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Kernel kernel(w, g.groups);
    const std::int64_t pixels = y.size(0) * y.size(2) * y.size(3);
    direct::product("conv2d",
                    ForwardOperands<T>{g.groups, pixels, kernel.outputs, kernel.height * kernel.width * kernel.inputs,
                                       pictures<T>(x), w.data<T>(), mutable_pictures<T>(y), kernel, g, Finish<T>(e)});
  });
}

void conv2d_input_grad_direct(const Tensor& dy, const Tensor& w, const Tensor& dx, const Conv2dGeometry& g,
                              const Epilogue& e) {
  if (dx.numel() == 0) return;
  dispatch_computed("conv2d_input_grad", dx.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Kernel kernel(w, g.groups);
    const std::int64_t pixels = dx.size(0) * dx.size(2) * dx.size(3);
    direct::product(
        "conv2d_input_grad",
        InputGradOperands<T>{g.groups, pixels, kernel.inputs, kernel.height * kernel.width * kernel.outputs,
                             pictures<T>(dy), w.data<T>(), mutable_pictures<T>(dx), kernel, g, Finish<T>(e)});
  });
}

void conv2d_weight_grad_direct(const Tensor& x, const Tensor& dy, const Tensor& dw, const Conv2dGeometry& g) {
  if (dw.numel() == 0) return;
  dispatch_computed("conv2d_weight_grad", dw.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Kernel kernel(dw, g.groups);
    const std::int64_t pixels = dy.size(0) * dy.size(2) * dy.size(3);
    direct::product("conv2d_weight_grad",
                    WeightGradOperands<T>{g.groups, kernel.outputs, kernel.height * kernel.width * kernel.inputs,
                                          pixels, pictures<T>(x), pictures<T>(dy), dw.mutable_data<T>(), kernel, g});
  });
}

}  // namespace duel::cuda
