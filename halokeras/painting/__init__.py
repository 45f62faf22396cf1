"""From a density of any size to painted files, draws and catalogues.

`files` paints what a `request` asks for, and `cost` tells what that will take. Below these lie
`wanted`, `modes`, `catalogues`, `draws`, `expected` and `inputs`, each a job of its own, with
`tiles` and `ids`, that most of them use.
"""
