"""What is on the machine: the GPU, the CUDA toolkit wherever it lies, cuDNN's own description of the device, PyTorch."""
import ctypes
import glob
import os
import re
import shutil
import site
import subprocess
import sys


def output_of(*command):
    """Of a program, or nothing if it fails or there is none."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def gpu():
    """Its name, driver and memory; nothing without one."""
    line = output_of("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader").splitlines()
    return dict(zip(("gpu", "driver", "memory"), line[0].split(", "))) if line else {}


def python_packages():
    """Folders in which pip may have put NVIDIA's files."""
    folders = {*site.getsitepackages(), site.getusersitepackages(), *(p for p in sys.path if p.endswith("-packages"))}
    return sorted(path for folder in folders for path in glob.glob(os.path.join(folder, "nvidia", "*")))


def first(paths):
    return next((p for p in paths if os.path.exists(p)), "")


def toolkit():
    """Where nvcc, its root, and cuDNN's header and library are; what was not found is empty."""
    on_path = shutil.which("nvcc")
    roots = [os.path.dirname(os.path.dirname(os.path.realpath(on_path)))] if on_path else []
    roots += ["/usr/local/cuda", *sorted(glob.glob("/usr/local/cuda-*"), reverse=True), *python_packages()]
    nvcc = first(os.path.join(root, "bin", "nvcc") for root in roots)
    root = os.path.dirname(os.path.dirname(nvcc)) if nvcc else ""
    places = [root, *roots, "/usr"]
    headers = [os.path.join(p, d) for p in places for d in ("include", "include/x86_64-linux-gnu")]
    libraries = [os.path.join(p, d, f) for p in places for d in ("lib64", "lib", "lib/x86_64-linux-gnu")
                 for f in ("libcudnn.so", "libcudnn.so.9")]
    header = first(os.path.join(h, "cudnn_graph.h") for h in headers)
    return {"nvcc": nvcc, "root": root, "cudnn_include": os.path.dirname(header), "cudnn_library": first(libraries)}


def short_names(found, folder):
    """pip leaves libraries only with their versions in their names, which CMake does not look for: a folder of links to
    all of them, by both names. Nothing if there is no need."""
    from_folders = [d for d in (os.path.join(found["root"], s) for s in ("lib64", "lib")) if os.path.isdir(d)]
    if not from_folders or any(os.path.exists(os.path.join(d, "libcudart.so")) for d in from_folders):
        return ""
    from_folders.append(os.path.dirname(found["cudnn_library"]))
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for library in [f for d in from_folders for f in glob.glob(os.path.join(d, "lib*.so*"))]:
        name = os.path.basename(library)
        for link in {name, name[:name.index(".so") + 3]}:
            path = os.path.join(folder, link)
            if not os.path.lexists(path):
                os.symlink(library, path)
    return folder


def device_properties(library):
    """cuDNN's description of this device, which lets it plan for it elsewhere (tests/cuda/plans). Its numbers for the
    descriptor, its attributes and their types are those of cudnn_graph.h."""
    cudnn = ctypes.CDLL(library)
    descriptor_kind, handle_attribute, text_attribute, handle_type, text_type = 38, 2701, 2702, 0, 24

    def done(status):
        if status != 0:
            raise OSError(f"cuDNN's status {status}")

    handle, descriptor, size = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_int64()
    done(cudnn.cudnnCreate(ctypes.byref(handle)))
    done(cudnn.cudnnBackendCreateDescriptor(descriptor_kind, ctypes.byref(descriptor)))
    done(cudnn.cudnnBackendSetAttribute(descriptor, handle_attribute, handle_type, ctypes.c_int64(1),
                                        ctypes.byref(handle)))
    done(cudnn.cudnnBackendFinalize(descriptor))
    done(cudnn.cudnnBackendGetAttribute(descriptor, text_attribute, text_type, ctypes.c_int64(0), ctypes.byref(size),
                                        None))
    text = ctypes.create_string_buffer(size.value + 1)
    done(cudnn.cudnnBackendGetAttribute(descriptor, text_attribute, text_type, size, ctypes.byref(size), text))
    return text.value.decode()


def cudnn_version(include):
    """By its header."""
    try:
        with open(os.path.join(include, "cudnn_version.h")) as header:
            parts = dict(re.findall(r"#define CUDNN_(MAJOR|MINOR|PATCHLEVEL) (\d+)", header.read()))
        return ".".join(parts[k] for k in ("MAJOR", "MINOR", "PATCHLEVEL"))
    except (OSError, KeyError):
        return ""


def torch():
    """What PyTorch says of itself; nothing where it is not installed."""
    return output_of(sys.executable, "-c", "import torch; print(torch.__version__, 'with cuDNN',"
                     " torch.backends.cudnn.version(), '' if torch.cuda.is_available() else 'without a GPU')")


def versions(found):
    """What a report says of the machine."""
    nvcc = re.search(r"release [\d.]+, (V[\d.]+)", output_of(found["nvcc"], "--version") if found["nvcc"] else "")
    return {**gpu(), "processors": os.cpu_count(), "nvcc": f"{nvcc[1] if nvcc else ''} {found['nvcc']}",
            "cuDNN": f"{cudnn_version(found['cudnn_include'])} {found['cudnn_library']}", "PyTorch": torch(),
            "python": sys.version.split()[0], "cmake": output_of("cmake", "--version").split("\n")[0]}
