"""`FileDirDict`: each value in a file of its own."""

from persidict.file.file_dir_dict import FileDirDict

__all__ = ["FileDirDict"]
