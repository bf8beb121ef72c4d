-- Run once by the postgres image, when the volume is empty: a database for each tool beside phoenix.
CREATE DATABASE n8n OWNER phoenix;
CREATE DATABASE windmill OWNER phoenix;

-- Windmill runs its jobs under these roles and grants them its schema by itself.
CREATE ROLE windmill_user;
CREATE ROLE windmill_admin WITH BYPASSRLS;
GRANT windmill_user TO windmill_admin;
GRANT windmill_user, windmill_admin TO phoenix;
