"""A WSGI application for gunicorn."""


def application(environment, start):
    body = f"gunicorn serves {environment['PATH_INFO']}".encode()
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
