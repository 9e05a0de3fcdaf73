"""Marks the wheel as one of a platform: it holds libmedseg. `make wheel` puts that into medseg/lib before."""

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel


class PlatformDistribution(Distribution):
    """Of one platform, though no extension module is compiled."""

    def has_ext_modules(self):
        return True


class AnyPython(bdist_wheel):
    """Of any Python 3, for ctypes asks nothing of its version."""

    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


setup(distclass=PlatformDistribution, cmdclass={"bdist_wheel": AnyPython})
