"""The forms of HTTP answers, each once: the gateway's OpenAPI document is made of them, the client
decodes into them, and tests hold every answer against them.
"""
