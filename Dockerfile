FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run -s build && npm prune --omit=dev

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/generated dist/generated
RUN ln -s /app/dist/cli/main.js /usr/local/bin/tokenhold && chmod +x dist/cli/main.js
USER node
EXPOSE 8124
ENTRYPOINT ["tokenhold"]
CMD ["serve"]
