#!/usr/bin/env python3
"""Makes the files in datasets/ that the readers of data sets are tested with, by the tools that such files are made by.
Needs h5py, lmdb, numpy, Pillow and safetensors: run it in this folder. The tests know the values."""
import io
import json
import pathlib
import pickle
import shutil
import struct
import tarfile
import zipfile

import h5py
import lmdb
import numpy as np
from PIL import Image
from safetensors.numpy import save_file

FOLDER = pathlib.Path(__file__).with_name("datasets")


def ramp(first, *shape):
    """first, first + 1, ... modulo 256."""
    return ((np.arange(np.prod(shape)) + first) % 256).astype(np.uint8).reshape(shape)


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


# CIFAR. Picture i of batch b begins with 10 b + i.

def python2_pickle(content):
    """As cPickle of Python 2 writes protocol 2, in which CIFAR's files are: its strings are bytes."""
    def write(value):
        if isinstance(value, bytes):
            return b"U" + bytes([len(value)]) + value if len(value) < 256 else b"T" + struct.pack("<i", len(value)) + value
        if isinstance(value, int):
            return b"K" + bytes([value])
        if isinstance(value, list):
            return b"](" + b"".join(map(write, value)) + b"e"
        if isinstance(value, dict):
            return b"}(" + b"".join(write(k) + write(v) for k, v in value.items()) + b"u"
        rows, columns = value.shape
        dtype = b"cnumpy\ndtype\nq\x01U\x02u1K\x00K\x01\x87Rq\x02(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        return (b"cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05(K\x01"
                + b"K" + bytes([rows]) + b"M" + struct.pack("<H", columns) + b"\x86" + dtype + b"\x89"
                + write(value.tobytes()) + b"tb")
    file = b"\x80\x02" + write(content) + b"."
    loaded = pickle.loads(file, encoding="bytes")
    assert all(np.array_equal(loaded[k], content[k]) for k in content)
    return file


def pictures(batch, count):
    return np.stack([ramp(10 * batch + i, 3072) for i in range(count)])


def tar(name, folder, files):
    with tarfile.open(FOLDER / name, "w:gz", compresslevel=9) as archive:
        for file, content in files.items():
            entry = tarfile.TarInfo(folder + "/" + file)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def cifar10():
    names = [b"airplane", b"automobile", b"bird", b"cat", b"deer", b"dog", b"frog", b"horse", b"ship", b"truck"]
    batches = ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]
    labels = [[b % 10, 9 - b] for b in range(6)]
    python = {name: python2_pickle({b"batch_label": b"a batch", b"labels": labels[b], b"data": pictures(b, 2),
                                    b"filenames": [b"a.png", b"b.png"]}) for b, name in enumerate(batches)}
    python["batches.meta"] = python2_pickle({b"num_cases_per_batch": 2, b"label_names": names, b"num_vis": 30})
    python["readme.html"] = b"<html>"
    tar("cifar-10-python.tar.gz", "cifar-10-batches-py", python)
    binary = {name + ".bin": b"".join(bytes([label]) + p.tobytes() for label, p in zip(labels[b], pictures(b, 2)))
              for b, name in enumerate(batches)}
    binary["batches.meta.txt"] = b"\n".join(names) + b"\n\n"
    tar("cifar-10-binary.tar.gz", "cifar-10-batches-bin", binary)


def cifar100():
    fine, coarse = [99, 0, 57], [19, 0, 8]
    fine_names, coarse_names = [f"fine {i}" for i in range(100)], [f"coarse {i}" for i in range(20)]
    folder = FOLDER / "cifar-100-python"
    folder.mkdir()
    for name, protocol, batch in [("train", 2, 0), ("test", 5, 1)]:  # written again by Python 3
        content = {"data": pictures(batch, 3), "fine_labels": fine, "coarse_labels": coarse}
        (folder / name).write_bytes(pickle.dumps(content, protocol))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": fine_names, "coarse_label_names": coarse_names}, 2))
    binary = {name: b"".join(bytes([c, f]) + p.tobytes() for c, f, p in zip(coarse, fine, pictures(batch, 3)))
              for batch, name in enumerate(["train.bin", "test.bin"])}
    binary["fine_label_names.txt"] = "\n".join(fine_names).encode() + b"\n"
    binary["coarse_label_names.txt"] = "\n".join(coarse_names).encode() + b"\n"
    tar("cifar-100-binary.tar.gz", "cifar-100-binary", binary)


# LSUN. Picture i is grey, [4, 4], and begins with i; the last one is too large for a page of keys.

def lsun():
    noise = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)
    noise[0, 0] = 60
    database = lmdb.open(str(FOLDER / "lsun"), map_size=1 << 20, lock=False)
    with database.begin(write=True) as transaction:
        for i in range(60):
            transaction.put(b"key %02d" % i, png(ramp(i, 4, 4)))
        transaction.put(b"key 60", png(noise))
    database.close()
    (FOLDER / "lsun" / "lock.mdb").unlink(missing_ok=True)
    lmdb.open(str(FOLDER / "lsun-empty"), map_size=1 << 20, lock=False).close()
    (FOLDER / "lsun-empty" / "lock.mdb").unlink(missing_ok=True)


# HDF5. Picture i begins with 10 i.

def hdf5():
    images = np.stack([ramp(10 * i, 3, 4, 5) for i in range(5)])
    labels = np.array([3, 0, 2, 2, 1])
    for name, options in [("plain", {}), ("gzip", {"chunks": (2, 3, 4, 5), "compression": "gzip", "shuffle": True}),
                          ("lzf", {"chunks": (2, 3, 4, 5), "compression": "lzf"})]:
        with h5py.File(FOLDER / f"{name}.hdf5", "w") as file:
            file.create_dataset("imgs", data=images, **options)
            file.create_dataset("labels", data=labels.astype(np.int64), **options and {"chunks": (2,)})
    with h5py.File(FOLDER / "wrong.hdf5", "w") as file:
        file.create_dataset("imgs", data=images.astype(np.float32))
    with h5py.File(FOLDER / "unlabelled.hdf5", "w") as file:
        file.create_dataset("imgs", data=images)
    with h5py.File(FOLDER / "labels.hdf5", "w") as file:
        file.create_dataset("imgs", data=images)
        file.create_dataset("labels", data=labels[:4])


# Zip archives as StyleGAN's dataset_tool.py makes them. Picture i begins with 10 i; its label is 2 - i.

def archives():
    names = [f"00000/img{i:08d}.png" for i in range(3)]
    for name, labels in [("stylegan", [[n, 2 - i] for i, n in enumerate(names)]), ("stylegan_unlabelled", None)]:
        with zipfile.ZipFile(FOLDER / f"{name}.zip", "w", zipfile.ZIP_STORED) as archive:
            for i in [2, 0, 1]:
                archive.writestr(names[i], png(ramp(10 * i, 4, 4, 3)))
            archive.writestr("dataset.json", json.dumps({"labels": labels}))
    with zipfile.ZipFile(FOLDER / "deflated.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/", "")
        archive.writestr("a/1.png", png(ramp(0, 16, 16)))
        archive.writestr("notes.txt", "no picture")
    with zipfile.ZipFile(FOLDER / "bzip2.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("1.png", png(ramp(0, 16, 16)))


# Arrays. Picture i begins with 10 i; floats are those of the same values.

def arrays():
    images = np.stack([ramp(10 * i, 4, 5, 3) for i in range(3)])  # [N, H, W, C]
    first = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    labels = np.array([2, 0, 1])
    np.save(FOLDER / "pictures.npy", images)
    np.save(FOLDER / "fortran.npy", np.asfortranarray(images))
    np.save(FOLDER / "grey.npy", images[..., 0])
    np.save(FOLDER / "big_endian.npy", images.astype(">f4"))
    np.save(FOLDER / "objects.npy", np.array([{}, {}], dtype=object))
    np.savez(FOLDER / "pictures.npz", images=first, labels=labels.astype(np.uint16), names=np.array(["a", "b", "c"]))
    np.savez_compressed(FOLDER / "floats.npz", x=first / 127.5 - 1, y=labels.astype(np.int32))
    np.savez(FOLDER / "unnamed.npz", images)
    save_file({"pictures": (first / 127.5 - 1).astype(np.float32), "labels": labels}, FOLDER / "pictures.safetensors")


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    for make in [cifar10, cifar100, lsun, hdf5, archives, arrays]:
        make()


if __name__ == "__main__":
    main()
