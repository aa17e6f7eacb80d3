// Lambda's shape.
exports.handler = async (event, context) => ({ statusCode: 201, headers: { 'x-function': context.functionName }, body: `hello ${event.name}` });
