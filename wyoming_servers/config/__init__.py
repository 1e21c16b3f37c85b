"""The typed configuration: its schema, its sources, and changing it at run time.

`schema` defines every key, `load` reads all sources and reports every problem at once, `holder`
holds the configuration in effect, and `editor` changes it while the server runs. Used by every
package that has settings.
"""
