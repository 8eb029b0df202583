"Package metadata, read from `settings.ini`, its only home."
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

config = ConfigParser(delimiters=['='])
config.read('settings.ini', encoding='utf-8')
settings = config['DEFAULT']

setup(
    version=settings['version'],
    description=settings['description'],
    long_description=Path('README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    author=settings['author'],
    author_email=settings['author_email'],
    url=settings['git_url'],
    license='Apache-2.0',
    keywords=settings['keywords'].split(),
    classifiers=['Development Status :: 3 - Alpha', f"Intended Audience :: {settings['audience']}",
                 f"Natural Language :: {settings['language']}", 'Programming Language :: Python :: 3'],
    packages=find_packages(include=['mnist_nb', 'mnist_nb.*']),
    package_data={'mnist_nb': ['*.npz', '*.js']},
    install_requires=settings['requirements'].split(),
    extras_require={k.removesuffix('_requirements'): v.split() for k, v in settings.items() if k.endswith('_requirements')},
    entry_points={'console_scripts': settings['console_scripts'].split(),
                  'nbdev': [f"{settings['lib_path']}={settings['lib_path']}._modidx:d"]},
)
